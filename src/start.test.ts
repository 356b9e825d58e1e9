/** What keeps a peer from starting, on Node and in a browser: said with a code, and counted. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemoryMetrics } from './base/counters.ts';
import type { Clock } from './base/ports.ts';
import { systemClock } from './base/system-clock.ts';
import { createPeer as createBrowserPeer } from './browser.ts';
import { createPeer as createNodePeer } from './node.ts';

let directory: string;
let metrics: MemoryMetrics;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aver-start-'));
  metrics = new MemoryMetrics();
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(directory, { recursive: true });
});

const starts = (code: string) => metrics.value('errors', { code, where: 'start' });

test('a second peer on the same data directory', async () => {
  await using first = await createNodePeer({ directory, listen: false });
  const space = await first.create({ name: 'commons', pow: [] });
  const second = createNodePeer({ directory, listen: false, metrics });
  await expect(second).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    advice: expect.stringContaining('--data'),
  });
  expect(starts('STORE_LOCKED')).toBe(1);
  await space.assert({ subject: 'first', predicate: 'goes', object: 'on' });
});

test('a data directory that cannot be one', async () => {
  await writeFile(join(directory, 'file'), '');
  const starting = createNodePeer({ directory: join(directory, 'file', 'data'), listen: false, metrics });
  await expect(starting).rejects.toMatchObject({ code: 'STORE_FAILED' });
  expect(starts('STORE_FAILED')).toBe(1);
});

test('a port that is taken; nothing of the peer goes on that would keep the process', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const tcp = (holder.address() as AddressInfo).port;
  const timers = new Set<symbol>();
  const clock: Clock = {
    ...systemClock,
    setTimer: (ms, action) => {
      const timer = Symbol();
      timers.add(timer);
      const cancel = systemClock.setTimer(ms, () => {
        timers.delete(timer);
        action();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
  const listen = { host: '127.0.0.1', tcp, webSocket: false, webRtcDirect: false } as const;
  const starting = createNodePeer({ directory, listen, metrics, clock });
  await expect(starting).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  holder.close();
  expect(starts('LISTEN_FAILED')).toBe(1);
  expect(timers.size).toBe(0);
});

test('a page over plain HTTP, where browsers offer no cryptography', async () => {
  vi.stubGlobal('crypto', { getRandomValues: globalThis.crypto.getRandomValues });
  await expect(createBrowserPeer({ metrics })).rejects.toMatchObject({
    code: 'NO_WEBCRYPTO',
    advice: expect.stringContaining('https'),
  });
  expect(starts('NO_WEBCRYPTO')).toBe(1);
});
