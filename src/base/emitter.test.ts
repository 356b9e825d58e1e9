import { expect, test } from 'vitest';
import { Emitter } from './emitter.ts';

interface Events {
  word: (text: string, count: number) => void;
}

test('listeners are told in order until they are removed', () => {
  const emitter = new Emitter<Events>();
  const heard: string[] = [];
  const off = emitter.on('word', (text, count) => heard.push(`a ${text} ${count}`));
  emitter.on('word', (text) => heard.push(`b ${text}`));
  emitter.emit('word', 'x', 1);
  off();
  off();
  emitter.emit('word', 'y', 2);
  expect(heard).toEqual(['a x 1', 'b x', 'b y']);
});

test('it knows whether anybody listens', () => {
  const emitter = new Emitter<Events>();
  const known = [emitter.has('word')];
  const off = emitter.on('word', () => undefined);
  known.push(emitter.has('word'));
  off();
  known.push(emitter.has('word'));
  expect(known).toEqual([false, true, false]);
});

test('a listener that throws is reported and keeps nobody else from being told', () => {
  const errors: unknown[] = [];
  const emitter = new Emitter<Events>((error) => errors.push(error));
  const heard: string[] = [];
  emitter.on('word', () => {
    throw new Error('no');
  });
  emitter.on('word', (text) => heard.push(text));
  emitter.emit('word', 'x', 1);
  expect(heard).toEqual(['x']);
  expect(errors).toEqual([new Error('no')]);
});

test('the same function registered twice is called twice and removed once at a time', () => {
  const emitter = new Emitter<Events>();
  let calls = 0;
  const listener = () => calls++;
  const off = emitter.on('word', listener);
  emitter.on('word', listener);
  emitter.emit('word', 'x', 1);
  expect(calls).toBe(2);
  off();
  emitter.emit('word', 'x', 1);
  expect(calls).toBe(3);
});

test('a listener that is removed while an event goes out still hears that one, a new one does not', () => {
  const emitter = new Emitter<Events>();
  const heard: string[] = [];
  emitter.on('word', () => {
    off();
    emitter.on('word', () => heard.push('late'));
  });
  const off = emitter.on('word', () => heard.push('removed'));
  emitter.emit('word', 'x', 1);
  expect(heard).toEqual(['removed']);
});
