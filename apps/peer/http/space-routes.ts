/** `/api/v1/spaces/:id`: the operations of one space. */
import { type Context, Hono } from 'hono';
import { AverError, isAverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { Fact, Peer, Space } from '../../../src/peer/api.ts';
import { factToJson, resolutionToJson, watchEventToJson } from '../json.ts';
import { EVENT_STREAM, streamSignal } from './peer-routes.ts';
import {
  bodyOf,
  check,
  claimsOf,
  compareSchema,
  idSchema,
  inviteSchema,
  queryOf,
  resolveSchema,
  settledSchema,
  trieSchema,
  withoutUndefined,
} from './schemas.ts';
import { bytesBody, eventBody, listenedEvents, ndjsonBody, type ServerEvent } from './streams.ts';

const NDJSON = 'application/x-ndjson';

export function spaceRoutes(peer: Peer, closing: AbortSignal): Hono {
  const routes = new Hono();
  const space = async (c: Context): Promise<Space> => {
    const id = c.req.param('id') ?? '';
    const found = (await peer.spaces()).find((one) => one.id === id);
    if (found === undefined)
      throw new AverError('UNKNOWN_SPACE', `There is no space ${id.slice(0, 64)} here.`);
    return found;
  };
  routes.get('/status', async (c) => c.json(await (await space(c)).status()));
  routes.post('/facts', async (c) => {
    const claims = await claimsOf(c);
    return c.json(await (await space(c)).assert(claims, { signal: c.req.raw.signal }), 201);
  });
  routes.get('/facts', async (c) => queryFacts(c, await space(c), closing));
  routes.delete('/facts/:assertion', async (c) => {
    const id = check(idSchema, c.req.param('assertion'), 'assertion id');
    await (await space(c)).erase(id);
    return c.body(null, 204);
  });
  routes.get('/resolve', async (c) => {
    const { subject, predicate, lens } = check(resolveSchema, c.req.query(), 'query');
    const options = { signal: c.req.raw.signal, ...(lens === undefined ? {} : { lens }) };
    return c.json(resolutionToJson(await (await space(c)).get(subject, predicate, options)));
  });
  routes.get('/watch', async (c) => watchFacts(c, await space(c), closing));
  routes.get('/events', async (c) => spaceEvents(c, await space(c), closing));
  routes.post('/invite', async (c) => {
    const options = withoutUndefined(await bodyOf(c, inviteSchema));
    const base = `${new URL(c.req.url).origin}/`;
    return c.json(await (await space(c)).invite({ base, ...options }));
  });
  routes.get('/export', async (c) => {
    const found = await space(c);
    const { stop, signal } = streamSignal(c, closing);
    const name = `${found.id.slice(0, 16)}.aver`;
    return c.body(cancelling(bytesBody(found.export({ signal })), stop), 200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}"`,
    });
  });
  routes.get('/trie', async (c) => {
    const { prefix } = check(trieSchema, c.req.query(), 'query');
    return c.json(await (await space(c)).trie(prefix));
  });
  routes.get('/compare', async (c) => {
    const { peer: peerId } = check(compareSchema, c.req.query(), 'query');
    return c.json(await (await space(c)).compare(peerId, { signal: c.req.raw.signal }));
  });
  routes.post('/sync', async (c) => {
    await (await space(c)).sync({ signal: c.req.raw.signal });
    return c.body(null, 204);
  });
  routes.post('/settled', async (c) => settled(c, await space(c), closing));
  return routes;
}

/** A page of JSON, or everything as NDJSON where the client accepts that. */
async function queryFacts(c: Context, space: Space, closing: AbortSignal): Promise<Response> {
  const query = queryOf(c);
  if ((c.req.header('accept') ?? '').includes(NDJSON)) {
    const { stop, signal } = streamSignal(c, closing);
    const rows = mapped(space.query(query, { signal }), factToJson);
    return c.body(cancelling(ndjsonBody(rows), stop), 200, { 'content-type': `${NDJSON}; charset=utf-8` });
  }
  const limit = Math.min(query.limit ?? limits.pageRowsMax, limits.pageRowsMax);
  const facts: Fact[] = [];
  // One row more than is shown tells whether there is more.
  for await (const fact of space.query({ ...query, limit: limit + 1 }, { signal: c.req.raw.signal })) {
    facts.push(factToJson(fact));
  }
  return c.json({ facts: facts.slice(0, limit), complete: facts.length <= limit });
}

function watchFacts(c: Context, space: Space, closing: AbortSignal): Response {
  const query = queryOf(c);
  const { stop, signal } = streamSignal(c, closing);
  const events = mapped(space.watch(query, { signal }), (event): ServerEvent => {
    const { type, ...data } = watchEventToJson(event);
    return { event: type, data };
  });
  return c.body(eventBody(events, stop), 200, EVENT_STREAM);
}

function spaceEvents(c: Context, space: Space, closing: AbortSignal): Response {
  const { stop, signal } = streamSignal(c, closing);
  const events = listenedEvents(
    (push) => [
      space.on('facts', (facts) => push({ event: 'facts', data: facts.map(factToJson) })),
      space.on('erased', (data) => push({ event: 'erased', data })),
      space.on('status', (data) => push({ event: 'status', data })),
      space.on('refused', (data) => push({ event: 'refused', data })),
    ],
    signal,
  );
  return c.body(eventBody(events, stop), 200, EVENT_STREAM);
}

/** Waits for replicas for at most `timeoutMs`; "not yet" is an answer, and the client asks again. */
async function settled(c: Context, space: Space, closing: AbortSignal): Promise<Response> {
  const { replicas, timeoutMs = limits.httpWaitMsMax } = await bodyOf(c, settledSchema);
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([c.req.raw.signal, closing, deadline]);
  try {
    const done = await space.settled({ signal, ...(replicas === undefined ? {} : { replicas }) });
    return c.json({ settled: true, replicas: done.replicas });
  } catch (error) {
    const waited = deadline.aborted || isAverError(error, 'TIMEOUT');
    if (!waited) throw error;
    return c.json({ settled: false, replicas: [] });
  }
}

async function* mapped<A, B>(source: AsyncIterable<A>, map: (item: A) => B): AsyncGenerator<B> {
  for await (const item of source) yield map(item);
}

/** The same body; aborts `stop` once the client has gone, for sources that wait on a signal. */
function cancelling(body: ReadableStream<Uint8Array>, stop: AbortController): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const next = await reader.read();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel(reason) {
      stop.abort();
      await reader.cancel(reason);
    },
  });
}
