import { expect, test } from 'vitest';
import { logOption } from './quiet-log.ts';

test('libp2p is quiet unless its log is asked for', () => {
  const log = logOption(undefined).logger?.forComponent('libp2p');
  expect(log?.enabled).toBe(false);
  expect(log?.newScope('stream').newScope('1').enabled).toBe(false);
  for (const say of [log, log?.error, log?.trace]) expect(say?.('%s', 'something')).toBeUndefined();
  expect(logOption('libp2p:*')).toEqual({});
});
