import { expect, test } from 'vitest';
import { logOption, storedDebug } from './quiet-log.ts';

test('libp2p is quiet unless its log is asked for', () => {
  const log = logOption(undefined).logger?.forComponent('libp2p');
  expect(log?.enabled).toBe(false);
  expect(log?.newScope('stream').newScope('1').enabled).toBe(false);
  for (const say of [log, log?.error, log?.trace]) expect(say?.('%s', 'something')).toBeUndefined();
  expect(logOption('libp2p:*')).toEqual({});
});

test('a page whose storage is blocked asks for no log, and is not kept from its network', () => {
  const original = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
  const define = (get: () => unknown) =>
    Object.defineProperty(globalThis, 'localStorage', { configurable: true, get });
  try {
    define(() => {
      throw new DOMException('Access is denied for this document.', 'SecurityError');
    });
    expect(storedDebug()).toBeNull();
    define(() => undefined);
    expect(storedDebug()).toBeNull();
    define(() => ({ getItem: (name: string) => (name === 'debug' ? 'libp2p:*' : null) }));
    expect(storedDebug()).toBe('libp2p:*');
  } finally {
    Reflect.deleteProperty(globalThis, 'localStorage');
    if (original !== undefined) Object.defineProperty(globalThis, 'localStorage', original);
  }
});
