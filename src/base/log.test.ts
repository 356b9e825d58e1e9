import { expect, test } from 'vitest';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { limits } from './limits.ts';
import { boundedLog } from './log.ts';

function setUp() {
  const lines: (Record<string, unknown> | undefined)[] = [];
  const clock = new VirtualClock();
  const log = boundedLog({ write: (_level, _message, fields) => lines.push(fields) }, clock);
  return { lines, clock, log };
}

test('a peer fills a part of a minute’s log, and what was left out is told with its next line', async () => {
  const { lines, clock, log } = setUp();
  for (let i = 0; i < 1000; i++) log.write('warn', `message ${i % 7}`, { peerId: 'a' });
  expect(lines).toHaveLength(limits.logLinesPerPeerMax);
  log.write('warn', 'message 1', { from: 'b' });
  expect(lines.at(-1)).toEqual({ from: 'b' });
  await clock.advance(limits.logWindowMs);
  log.write('warn', 'message 1', { peerId: 'a' });
  expect(lines.at(-1)).toEqual({ peerId: 'a', leftOut: 1000 - limits.logLinesPerPeerMax });
});

test('many peers, each of which says little, do not fill it either; other messages are still written', () => {
  const { lines, log } = setUp();
  for (let i = 0; i < 20_000; i++) log.write('warn', 'the same', { peerId: `peer ${i}` });
  expect(lines).toHaveLength(limits.logLinesPerMessageMax);
  log.write('error', 'a full disk');
  expect(lines).toHaveLength(limits.logLinesPerMessageMax + 1);
});
