/** `/api/v1`: what concerns the peer as a whole. */
import { type Context, Hono } from 'hono';
import { AverError } from '../../../src/base/errors.ts';
import type { Peer, Space } from '../../../src/peer/api.ts';
import { bodyOf, connectSchema, createSchema, joinSchema, withoutUndefined } from './schemas.ts';
import { eventBody, listenedEvents } from './streams.ts';

const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };

export function peerRoutes(peer: Peer, closing: AbortSignal): Hono {
  const routes = new Hono();
  routes.get('/info', async (c) => c.json(await peer.info()));
  routes.get('/peers', async (c) => c.json({ peers: await peer.peers() }));
  routes.get('/metrics', async (c) => c.json({ metrics: await peer.metrics() }));
  routes.get('/spaces', async (c) => c.json({ spaces: (await peer.spaces()).map(nameOf) }));
  routes.post('/spaces', async (c) => {
    const options = withoutUndefined(await bodyOf(c, createSchema));
    return c.json(nameOf(await peer.create(options)), 201);
  });
  routes.post('/join', async (c) => {
    const { invite } = await bodyOf(c, joinSchema);
    return c.json(nameOf(await peer.open(invite, { signal: c.req.raw.signal })));
  });
  routes.post('/connect', async (c) => {
    const { address } = await bodyOf(c, connectSchema);
    return c.json({ peerId: await peer.connect(address, { signal: c.req.raw.signal }) });
  });
  routes.post('/import', async (c) => {
    const body = c.req.raw.body;
    if (body === null) throw new AverError('BAD_INPUT', 'The body is empty; send an export file.');
    return c.json(await peer.import(body, { signal: c.req.raw.signal }));
  });
  routes.get('/events', (c) => peerEvents(c, peer, closing));
  return routes;
}

function nameOf(space: Space): { id: string; name: string } {
  return { id: space.id, name: space.name };
}

function peerEvents(c: Context, peer: Peer, closing: AbortSignal): Response {
  const { stop, signal } = streamSignal(c, closing);
  const events = listenedEvents(
    (push) => [
      peer.on('peers', (data) => push({ event: 'peers', data })),
      peer.on('info', (data) => push({ event: 'info', data })),
      peer.on('space', (data) => push({ event: 'space', data })),
    ],
    signal,
  );
  return c.body(eventBody(events, stop), 200, EVENT_STREAM);
}

/** Ends a stream when the client goes, when the server stops, or when the body is cancelled. */
export function streamSignal(
  c: Context,
  closing: AbortSignal,
): { readonly stop: AbortController; readonly signal: AbortSignal } {
  const stop = new AbortController();
  return { stop, signal: AbortSignal.any([c.req.raw.signal, closing, stop.signal]) };
}

export { EVENT_STREAM };
