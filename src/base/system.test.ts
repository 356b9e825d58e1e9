import { expect, test, vi } from 'vitest';
import { consoleLog, silentLog } from './log.ts';
import { systemClock } from './system-clock.ts';
import { systemRandom } from './system-random.ts';

test('the system clock runs timers, and not the cancelled ones', async () => {
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    const cancel = systemClock.setTimer(1, () => ran.push('cancelled'));
    systemClock.setTimer(1e12, () => ran.push('too early'))();
    cancel();
    systemClock.setTimer(5, () => resolve());
  });
  expect(ran).toEqual([]);
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
});

test('a timer beyond 24 days does not fire at once', async () => {
  let fired = false;
  const cancel = systemClock.setTimer(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => systemClock.setTimer(10, resolve));
  cancel();
  expect(fired).toBe(false);
});

test('the system random gives more bytes than one call of the engine', () => {
  const bytes = systemRandom.bytes(200_000);
  expect(bytes.length).toBe(200_000);
  expect(new Set(bytes.subarray(190_000)).size).toBe(256);
});

test('the console log writes what is grave enough, the silent one nothing', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const info = vi.spyOn(console, 'info').mockImplementation(() => undefined);
  const log = consoleLog('warn');
  log.write('info', 'unseen');
  log.write('warn', 'seen', { peer: 'a' });
  silentLog.write('warn', 'unseen');
  expect(info).not.toHaveBeenCalled();
  expect(warn.mock.calls).toEqual([['seen', { peer: 'a' }]]);
  vi.restoreAllMocks();
});
