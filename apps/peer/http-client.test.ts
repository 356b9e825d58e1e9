import { createServer } from 'node:http';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { AverError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Peer, WatchEvent } from '../../src/peer/api.ts';
import { createApp } from './http/app.ts';
import { serveHttp } from './http/serve.ts';
import { createHttpPeer } from './http-client.ts';
import { FakePeer } from './testing/fake-peer.ts';

interface Served extends AsyncDisposable {
  readonly fake: FakePeer;
  readonly peer: Peer;
  readonly url: string;
  close(): Promise<void>;
}

async function served(token = 'right'): Promise<Served> {
  const fake = new FakePeer();
  const closing = new AbortController();
  const app = createApp({
    peer: fake,
    token: 'right',
    instance: 'i',
    space: fake.commons.id,
    allowHosts: [],
    log: silentLog,
    closing: closing.signal,
    webDir: '/nowhere',
  });
  const server = await serveHttp(app, { host: '127.0.0.1', port: 0, exact: true });
  const peer = createHttpPeer(server.localUrl, token);
  const close = async (): Promise<void> => {
    closing.abort();
    await server.close();
  };
  const dispose = async (): Promise<void> => {
    await peer.stop();
    await close();
  };
  return { fake, peer, url: server.localUrl, close, [Symbol.asyncDispose]: dispose };
}

test('a space over HTTP answers as the space itself does, byte strings included', async () => {
  await using at = await served();
  const [space] = await at.peer.spaces();
  const object = { bytes: new Uint8Array([1, 255]), list: [1, null, 'é'] };
  const receipt = await space?.assert({ subject: 's', predicate: 'p', object });
  expect(receipt).toMatchObject({ seq: 1, claims: 1, durable: true });
  const own = await at.fake.commons.get('s', 'p');
  expect(await space?.get('s', 'p')).toEqual(own);
  expect((await space?.get('s', 'q'))?.winner).toBeUndefined();
  expect(await Array.fromAsync(space?.query({ subject: 's' }) ?? [])).toEqual(own.candidates);
  expect(await space?.status()).toMatchObject({ id: space?.id, name: 'commons' });
  expect(Buffer.concat(await Array.fromAsync(space?.export() ?? [])).toString()).toBe('AVER1\nfile');
  expect(await space?.trie('')).toMatchObject({ kind: 'empty' });
  expect(await at.peer.metrics()).toEqual(await at.fake.metrics());
});

test('typed errors cross the wire with code and fields', async () => {
  await using at = await served();
  at.fake.commons.failure = new AverError('CLOCK_AHEAD', 'Too far.', { fields: { ms: 5 } });
  const [space] = await at.peer.spaces();
  const failing = space?.assert({ subject: 's', predicate: 'p', object: 1 });
  await expect(failing).rejects.toMatchObject({
    code: 'CLOCK_AHEAD',
    message: 'Too far.',
    fields: { ms: 5 },
  });
  await expect(at.peer.open('x')).rejects.toMatchObject({ code: 'INVITE_EXPIRED' });
});

test('a wrong token and a peer that is gone are typed errors too', async () => {
  await using at = await served('wrong');
  await expect(at.peer.info()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  await at.close();
  await expect(at.peer.info()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
});

test('watch yields a snapshot and changes, and ends quietly on its signal', async () => {
  await using at = await served();
  const stop = new AbortController();
  const [space] = await at.peer.spaces();
  const seen: WatchEvent[] = [];
  for await (const event of space?.watch({}, { signal: stop.signal }) ?? []) {
    seen.push(event);
    if (event.type === 'snapshot') await at.fake.commons.assert({ subject: 's', predicate: 'p', object: 1 });
    else stop.abort();
  }
  expect(seen).toMatchObject([
    { type: 'snapshot', facts: [], complete: true },
    { type: 'facts', facts: [{ subject: 's', object: 1 }] },
  ]);
  await expect.poll(() => at.fake.commons.listening).toBe(0);
});

test('watch ends with CLOSED when the peer stops', async () => {
  await using at = await served();
  const [space] = await at.peer.spaces();
  const watching = (async () => {
    for await (const event of space?.watch() ?? []) if (event.type === 'snapshot') void at.close();
  })();
  await expect(watching).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|DIAL_FAILED/) });
});

test('listeners hear events of the space, and the stream ends with the last of them', async () => {
  await using at = await served();
  const [space] = await at.peer.spaces();
  const heard = Promise.withResolvers<unknown>();
  const off = space?.on('facts', heard.resolve);
  await expect.poll(() => at.fake.commons.listening).toBe(4);
  await at.fake.commons.assert({ subject: 's', predicate: 'p', object: new Uint8Array([7]) });
  expect(await heard.promise).toMatchObject([{ object: new Uint8Array([7]) }]);
  off?.();
  await expect.poll(() => at.fake.commons.listening).toBe(0);
});

test('an import is streamed to the peer', async () => {
  await using at = await served();
  async function* file(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 20; i++) yield new Uint8Array(100_000);
  }
  expect(await at.peer.import(file())).toMatchObject({ accepted: 1 });
  expect(at.fake.imported).toBe(2_000_000);
});

test('something else behind the address is told from a peer', async () => {
  const server = createServer((_, response) => response.writeHead(500).end('<html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  const peer = createHttpPeer(`http://127.0.0.1:${address.port}`, 't');
  await expect(peer.info()).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
  server.closeAllConnections();
  server.close();
});

test('a taken port is passed over unless it was asked for', async () => {
  await using at = await served();
  const taken = Number(new URL(at.url).port);
  const next = await serveHttp(new Hono(), { host: '127.0.0.1', port: taken, exact: false });
  expect(next.port).toBeGreaterThan(taken);
  await next.close();
  const exact = serveHttp(new Hono(), { host: '127.0.0.1', port: taken, exact: true });
  await expect(exact).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
});
