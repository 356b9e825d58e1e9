import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { expect, test } from 'vitest';
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { silentLog } from '../../../src/base/log.ts';
import { FakePeer } from '../testing/fake-peer.ts';
import { testDir } from '../testing/test-dir.ts';
import { createApp } from './app.ts';

const TOKEN = 'a-token';
const AUTH = { authorization: `Bearer ${TOKEN}` };

function testApp(peer = new FakePeer(), webDir = '/nowhere'): { app: Hono; peer: FakePeer; base: string } {
  const app = createApp({
    peer,
    token: TOKEN,
    instance: 'this-one',
    space: peer.commons.id,
    allowHosts: ['aver.example'],
    log: silentLog,
    closing: new AbortController().signal,
    webDir,
  });
  return { app, peer, base: `/api/v1/spaces/${peer.commons.id}` };
}

function post(body: unknown): RequestInit {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json' }, body: text };
}

async function errorOf(answer: Response | Promise<Response>): Promise<[number, string, string]> {
  const response = await answer;
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return [response.status, error.code, error.message];
}

test.each([
  {},
  { authorization: 'Bearer wrong' },
  { authorization: `Basic ${TOKEN}` },
  { authorization: 'Bearer ' },
])('the API refuses %j', async (headers) => {
  const { app } = testApp();
  const response = await app.request('/api/v1/info', { headers: headers as Record<string, string> });
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
  expect(await errorOf(response)).toMatchObject([401, 'UNAUTHORIZED', expect.any(String)]);
});

test('health, readiness and metrics need no token', async () => {
  const { app } = testApp();
  expect(await (await app.request('/healthz')).json()).toEqual({ ok: true, instance: 'this-one' });
  expect(await (await app.request('/readyz')).json()).toEqual({ ready: true, spaces: 1 });
  const metrics = await (await app.request('/metrics')).text();
  expect(metrics).toContain('\naver_sync_cycles 3\n');
  expect(metrics).toContain('aver_refused{code="BAD_HASH"} 2');
  expect(metrics).toContain('process_cpu_seconds_total');
});

test('what requests were answered with is counted by code', async () => {
  const { app } = testApp();
  await app.request('/api/v1/info');
  await app.request('/api/v1/nowhere', { headers: AUTH });
  await app.request('/api/v1/join', post({ invite: 'x' }));
  await app.request('/api/v1/join', post('{'));
  await app.request('/healthz', { headers: { host: 'elsewhere.example' } });
  await app.request('/api/v1/join', post('x'.repeat(limits.httpBodyBytesMax + 1)));
  const metrics = await (await app.request('/metrics')).text();
  const counts = Object.fromEntries(
    [...metrics.matchAll(/^aver_http_errors\{code="(\w+)"\} (\d+)$/gm)].map(([, code, n]) => [
      code,
      Number(n),
    ]),
  );
  expect(counts).toEqual({ UNAUTHORIZED: 1, NOT_FOUND: 1, INVITE_EXPIRED: 1, BAD_INPUT: 2, OVERSIZE: 1 });
});

test('a peer without a space is not ready', async () => {
  const peer = new FakePeer();
  const { app } = testApp(peer);
  peer.all.length = 0;
  expect((await app.request('/readyz')).status).toBe(503);
});

test.each([
  ['evil.example', 421],
  ['evil.example:8080', 421],
  ['localhost.evil.example', 421],
  ['127.0.0.1.evil.example', 421],
  ['localhost:8080', 200],
  ['[::1]:8080', 200],
  ['192.168.1.7:8080', 200],
  ['aver.example', 200],
  ['AVER.example:443', 200],
])('a request for host %s is answered %i, against DNS rebinding', async (host, status) => {
  const { app } = testApp();
  for (const path of ['/healthz', '/bootstrap.json']) {
    expect((await app.request(path, { headers: { host } })).status).toBe(status);
  }
});

test('other origins get no CORS headers', async () => {
  const { app } = testApp();
  const headers = { ...AUTH, origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const response = await app.request('/api/v1/info', { method: 'OPTIONS', headers });
  expect(response.headers.get('access-control-allow-origin')).toBeNull();
  expect(response.ok).toBe(false);
});

test('claims are written as one object, a list, or {claims}', async () => {
  const { app, peer, base } = testApp();
  const claim = { subject: 'a', predicate: 'b', object: { $bytes: '_w' }, confidence: 0.5 };
  for (const body of [claim, [claim, claim], { claims: [claim] }]) {
    const response = await app.request(`${base}/facts`, post(body));
    expect(response.status).toBe(201);
  }
  expect(peer.commons.asserted.map((claims) => claims.length)).toEqual([1, 2, 1]);
  expect(peer.commons.asserted[0]?.[0]).toEqual({ ...claim, object: new Uint8Array([255]) });
});

test.each([
  ['not json', 'The body is not JSON'],
  ['', 'at subject'],
  [{ subject: 'a', predicate: 'b' }, 'at object'],
  [{ claims: [{ subject: 'a', predicate: 'b', object: 1 }, { subject: 5 }] }, 'at claims.1.subject'],
  [[{ subject: 'a', predicate: 'b', object: 1, extra: 1 }], 'at 0.extra'],
  [{ subject: 'a', predicate: 'b', object: 1, confidence: 2 }, 'at confidence'],
])('a bad body %j is refused with its place', async (body, says) => {
  const { app, peer, base } = testApp();
  const [status, code, message] = await errorOf(app.request(`${base}/facts`, post(body)));
  expect([status, code]).toEqual([400, 'BAD_INPUT']);
  expect(message).toContain(says);
  expect(peer.commons.asserted).toEqual([]);
});

test('a deep body is refused, and so is one over the limit, with and without a stated length', async () => {
  const { app, base } = testApp();
  const deep = `{"subject":"a","predicate":"b","object":${'['.repeat(5000)}${']'.repeat(5000)}}`;
  expect(await errorOf(app.request(`${base}/facts`, post(deep)))).toMatchObject([400, 'TOO_DEEP', /./]);
  const big = 'x'.repeat(limits.httpBodyBytesMax + 1);
  expect(await errorOf(app.request(`${base}/facts`, post(big)))).toMatchObject([413, 'OVERSIZE', /./]);
  const stream = new Blob([big]).stream();
  const init = { ...post(''), body: stream, duplex: 'half' } as RequestInit;
  expect(await errorOf(app.request(`${base}/facts`, init))).toMatchObject([413, 'OVERSIZE', /./]);
});

test.each([
  ['NOT_ADMITTED', 403],
  ['CLOCK_AHEAD', 409],
  ['BUSY', 429],
  ['STORE_FULL', 507],
  ['INTERNAL', 500],
] as const)('%s from the peer is answered %i with its advice', async (code, status) => {
  const { app, peer, base } = testApp();
  peer.commons.failure = new AverError(code, 'It went wrong.', { fields: { n: 1 } });
  const response = await app.request(`${base}/facts`, post({ subject: 'a', predicate: 'b', object: 1 }));
  expect(response.status).toBe(status);
  expect(await response.json()).toEqual({ error: peer.commons.failure.toJSON() });
});

test('facts come as a page of JSON, or all as NDJSON', async () => {
  const { app, peer, base } = testApp();
  await peer.commons.assert([1, 2, 3].map((object) => ({ subject: 's', predicate: 'p', object })));
  const page = await app.request(`${base}/facts?subject=s&limit=2`, { headers: AUTH });
  expect(await page.json()).toMatchObject({ facts: [{ object: 1 }, { object: 2 }], complete: false });
  const headers = { ...AUTH, accept: 'application/x-ndjson' };
  const all = await (await app.request(`${base}/facts`, { headers })).text();
  expect(
    all
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { object: number }).object),
  ).toEqual([1, 2, 3]);
});

test.each(['?limit=-1', '?limit=many', '?author=xyz', '?order=size', '?colour=red'])(
  'the query %s is refused',
  async (query) => {
    const { app, base } = testApp();
    expect(await errorOf(app.request(`${base}/facts${query}`, { headers: AUTH }))).toMatchObject([
      400,
      'BAD_INPUT',
      /./,
    ]);
  },
);

test('unknown spaces, paths and methods are 404 in JSON', async () => {
  const { app } = testApp();
  const of = (path: string, init = {}): ReturnType<typeof errorOf> =>
    errorOf(app.request(path, { headers: AUTH, ...init }));
  expect(await of(`/api/v1/spaces/${'9'.repeat(64)}/status`)).toMatchObject([404, 'UNKNOWN_SPACE', /./]);
  expect(await of('/api/v1/nonsense')).toMatchObject([404, 'NOT_FOUND', /./]);
  expect(await of('/api/v1/info', { method: 'DELETE' })).toMatchObject([404, 'NOT_FOUND', /./]);
  expect(await of('/favicon.none')).toMatchObject([404, 'NOT_FOUND', /./]);
});

test('watch sends a snapshot, then changes, and lets go of the space when the client goes', async () => {
  const { app, peer, base } = testApp();
  await peer.commons.assert({ subject: 's', predicate: 'p', object: 'old' });
  const response = await app.request(`${base}/watch`, { headers: AUTH });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) {
      const next = await reader.read();
      if (next.done) throw new Error(`ended: ${text}`);
      text += new TextDecoder().decode(next.value);
    }
  };
  await until(/event: snapshot\ndata: \{"facts":\[\{"subject":"s".*"complete":true\}\n\n/);
  await peer.commons.assert({ subject: 's', predicate: 'p', object: 'new' });
  await until(/event: facts\ndata: \{"facts":\[.*"object":"new".*\]\}\n\n/);
  expect(peer.commons.listening).toBe(1);
  await reader.cancel();
  await expect.poll(() => peer.commons.listening).toBe(0);
});

test('events of a space reach the client by name', async () => {
  const { app, peer, base } = testApp();
  const response = await app.request(`${base}/events`, { headers: AUTH });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  const reading = (async () => {
    while (!text.includes('refused')) text += new TextDecoder().decode((await reader.read()).value);
  })();
  await expect.poll(() => peer.commons.listening).toBe(4);
  peer.commons.emit('refused', { code: 'BAD_HASH', from: 'x', message: 'm' });
  await reading;
  expect(text).toContain('event: refused\ndata: {"code":"BAD_HASH"');
  await reader.cancel();
});

test('waiting for replicas ends at the given time with an answer, not an error', async () => {
  const { app, base } = testApp();
  const response = await app.request(`${base}/settled`, post({ replicas: 2, timeoutMs: 10 }));
  expect(await response.json()).toEqual({ settled: false, replicas: [] });
});

test('an import is read as it flows, beyond the limit of other bodies', async () => {
  const { app, peer } = testApp();
  const size = limits.httpBodyBytesMax + 10;
  const body = new Blob([new Uint8Array(size)]).stream();
  const init = { method: 'POST', headers: AUTH, body, duplex: 'half' } as RequestInit;
  const response = await app.request('/api/v1/import', init);
  expect(await response.json()).toMatchObject({ accepted: 1 });
  expect(peer.imported).toBe(size);
});

test('bootstrap.json invites to the open default space, and says nothing of a secret one', async () => {
  const { app, peer } = testApp();
  const bootstrap = async (): Promise<unknown> => (await app.request('/bootstrap.json')).json();
  expect(await bootstrap()).toEqual({ addresses: [], space: 'invite-commons', name: 'commons' });
  peer.commons.read = 'secret';
  expect(await bootstrap()).toEqual({ addresses: [] });
});

test('the web app is served with a content policy; hashed files are cached for ever, the page never', async () => {
  await using dir = await testDir();
  await mkdir(join(dir.path, 'assets'));
  await writeFile(join(dir.path, 'index.html'), '<h1>app</h1>');
  await writeFile(join(dir.path, 'sw.js'), '1');
  await writeFile(join(dir.path, 'assets', 'index-Dq8_x2Za.js'), '1');
  const { app } = testApp(new FakePeer(), dir.path);
  const page = await app.request('/');
  expect(await page.text()).toBe('<h1>app</h1>');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const cache = async (path: string): Promise<string | null> =>
    (await app.request(path)).headers.get('cache-control');
  expect(await cache('/')).toBe('no-cache');
  expect(await cache('/sw.js')).toBe('no-cache');
  expect(await cache('/assets/index-Dq8_x2Za.js')).toBe('public, max-age=31536000, immutable');
  expect((await app.request('/../app.test.ts')).status).toBe(404);
  expect((await app.request('/%2e%2e/%2e%2e/etc/passwd')).status).toBe(404);
});

test('without a built web app the page says what to do', async () => {
  const { app } = testApp();
  const page = await app.request('/');
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('npm start');
});
