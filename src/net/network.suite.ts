/** What every adapter of the Network port does. Each adapter's test runs it over real instances. */
import { afterEach, describe, expect, it } from 'vitest';
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream, Network, NetworkEvents, Verdict } from '../base/ports.ts';

export interface NetworkSuiteOptions {
  /** A started network. With `after`, one with the same peer id and addresses, which has stopped. */
  readonly create: (after?: Network) => Promise<Network>;
  /** Whether a port is free again within the process once its listener has stopped; true when absent. */
  readonly freesPorts?: boolean;
}

export function networkSuite(name: string, { create, freesPorts = true }: NetworkSuiteOptions): void {
  describe(name, () => {
    const running = new Set<Network>();
    const start = async (after?: Network) => {
      const network = await create(after);
      running.add(network);
      return network;
    };
    const stop = async (network: Network) => {
      running.delete(network);
      await network.stop();
    };
    afterEach(async () => {
      await Promise.all([...running].map(stop));
    });
    const pair = async () => {
      const a = await start();
      const b = await start();
      const seen = once(a, 'connect');
      await b.dial(addressOf(a));
      await seen;
      return [a, b] as const;
    };

    it('tells both sides of a connection', async () => {
      const a = await start();
      const b = await start();
      const seenByA = once(a, 'connect');
      const seenByB = once(b, 'connect');
      expect(await b.dial(addressOf(a))).toBe(a.peerId);
      expect(await seenByA).toMatchObject({ id: b.peerId, direction: 'inbound', relayed: false });
      expect(await seenByB).toMatchObject({ id: a.peerId, direction: 'outbound', relayed: false });
      expect(a.peers().map((peer) => peer.id)).toEqual([b.peerId]);
      expect(b.peers().map((peer) => peer.id)).toEqual([a.peerId]);
    });

    it.runIf(freesPorts)('refuses to dial where nobody listens', async () => {
      const a = await start();
      const b = await start();
      const address = addressOf(a);
      await stop(a);
      await expect(b.dial(address)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    });

    it('refuses to dial what is no address', async () => {
      const a = await start();
      await expect(a.dial('nonsense')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    });

    it('stops dialling when the caller cancels', async () => {
      const [a, b] = [await start(), await start()];
      await expect(b.dial(addressOf(a), { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'ABORTED',
      });
    });

    it('tells both sides of a disconnection', async () => {
      const [a, b] = await pair();
      const goneForA = once(a, 'disconnect');
      const goneForB = once(b, 'disconnect');
      await b.disconnect(a.peerId);
      expect(await goneForA).toBe(b.peerId);
      expect(await goneForB).toBe(a.peerId);
      expect(a.peers()).toEqual([]);
    });

    it('notices that the other side stopped', async () => {
      const [a, b] = await pair();
      const gone = once(b, 'disconnect');
      await stop(a);
      expect(await gone).toBe(a.peerId);
    });

    it('carries frames in order, in both directions, up to the largest', async () => {
      const [a, b] = await pair();
      a.handle('/test/echo', echo);
      const stream = await b.openStream(a.peerId, '/test/echo');
      expect(stream.peerId).toBe(a.peerId);
      const sizes = [0, 1, 300, 65_536, limits.frameBytesMax, 5];
      const received = collect(stream);
      for (const [fill, size] of sizes.entries()) await stream.send(new Uint8Array(size).fill(fill + 1));
      await stream.close();
      const frames = await received;
      expect(frames.map((frame) => frame.length)).toEqual(sizes);
      expect(frames.every((frame, at) => frame.every((byte) => byte === at + 1))).toBe(true);
    });

    it('refuses to send a frame over the limit', async () => {
      const [a, b] = await pair();
      a.handle('/test/echo', echo);
      const stream = await b.openStream(a.peerId, '/test/echo');
      await expect(stream.send(new Uint8Array(limits.frameBytesMax + 1))).rejects.toMatchObject({
        code: 'OVERSIZE',
      });
      stream.abort(new Error('done'));
    });

    it('names a protocol that the other side does not speak', async () => {
      const [a, b] = await pair();
      await expect(b.openStream(a.peerId, '/test/unknown')).rejects.toMatchObject({
        code: 'PROTOCOL_UNSUPPORTED',
      });
    });

    it('opens no stream to a peer that is not connected', async () => {
      const [a, b] = [await start(), await start()];
      await expect(b.openStream(a.peerId, '/test/echo')).rejects.toMatchObject({ code: 'STREAM_FAILED' });
    });

    it('stops a writer whose reader is slow, and lets it go on', async () => {
      const [a, b] = await pair();
      const opened = Promise.withResolvers<FrameStream>();
      a.handle('/test/slow', opened.resolve);
      const writer = await b.openStream(a.peerId, '/test/slow');
      const frame = new Uint8Array(limits.frameBytesMax - 64);
      let sent = 0;
      const total = 12;
      const writing = (async () => {
        for (; sent < total; sent++) await writer.send(frame);
        await writer.close();
      })();
      const reader = await opened.promise;
      // By the time that a ping and its answer have passed, everything that may pass has passed.
      for (let i = 0; i < 5; i++) await b.ping(a.peerId);
      expect(sent).toBeLessThan(total / 2);
      expect((await collect(reader)).length).toBe(total);
      await writing;
      expect(sent).toBe(total);
    });

    it('cancels a send that waits', async () => {
      const [a, b] = await pair();
      const opened = Promise.withResolvers<FrameStream>();
      a.handle('/test/slow', opened.resolve);
      const writer = await b.openStream(a.peerId, '/test/slow');
      const controller = new AbortController();
      const frame = new Uint8Array(limits.frameBytesMax - 64);
      const sends = Array.from({ length: 4 }, () => writer.send(frame, { signal: controller.signal }));
      const settled = Promise.allSettled(sends);
      await opened.promise;
      await b.ping(a.peerId);
      controller.abort();
      const last = (await settled).at(-1);
      expect(last?.status === 'rejected' && isAverError(last.reason, 'ABORTED')).toBe(true);
    });

    it('tells the other side of an aborted stream', async () => {
      const [a, b] = await pair();
      const opened = Promise.withResolvers<FrameStream>();
      a.handle('/test/abort', opened.resolve);
      const mine = await b.openStream(a.peerId, '/test/abort');
      await mine.send(new Uint8Array([1]));
      const theirs = await opened.promise;
      const frames = theirs.frames[Symbol.asyncIterator]();
      await frames.next();
      mine.abort(new Error('no more'));
      await expect(frames.next()).rejects.toMatchObject({ code: 'STREAM_FAILED' });
      await expect(mine.send(new Uint8Array([2]))).rejects.toMatchObject({ code: 'STREAM_FAILED' });
    });

    it('breaks streams when the connection goes', async () => {
      const [a, b] = await pair();
      a.handle('/test/echo', echo);
      const stream = await b.openStream(a.peerId, '/test/echo');
      await stream.send(new Uint8Array([1]));
      const frames = stream.frames[Symbol.asyncIterator]();
      await frames.next();
      const read = frames.next().then(
        ({ done }) => (done === true ? 'over' : 'frame'),
        () => 'over',
      );
      await a.disconnect(b.peerId);
      expect(await read).toBe('over');
    });

    it('delivers a published message to every subscriber, and to nobody else', async () => {
      const [a, b] = await pair();
      const c = await start();
      await c.dial(addressOf(a));
      const inbox = subscribe(b, 'facts');
      subscribe(a, 'facts');
      const other = subscribe(c, 'other');
      await subscribed(a, 'facts', b);
      await subscribed(a, 'other', c);
      expect(await a.publish('facts', new Uint8Array([1, 2, 3]))).toBe(1);
      expect(await inbox.next()).toEqual({ from: a.peerId, message: new Uint8Array([1, 2, 3]) });
      expect(other.count()).toBe(0);
    });

    it('passes on what is accepted, and only that', async () => {
      const [a, hub] = await pair();
      const c = await start();
      await c.dial(addressOf(hub));
      const verdicts: Verdict[] = ['ignore', 'reject', 'accept'];
      const atHub = subscribe(hub, 'facts', () => verdicts.shift() ?? 'accept');
      const atC = subscribe(c, 'facts');
      // A and C must not know each other, or the message would go straight.
      subscribe(a, 'facts');
      await subscribed(a, 'facts', hub);
      await subscribed(hub, 'facts', c);
      if (a.peers().length > 1) await a.disconnect(c.peerId, { banMs: 60_000 });
      for (const byte of [1, 2, 3]) {
        await a.publish('facts', new Uint8Array([byte]));
        expect((await atHub.next()).message).toEqual(new Uint8Array([byte]));
      }
      expect((await atC.next()).message).toEqual(new Uint8Array([3]));
      expect(atC.count()).toBe(1);
    });

    it('disconnects and bans a peer whose messages must be rejected', async () => {
      const [a, b] = await pair();
      const inbox = subscribe(a, 'facts', () => 'reject');
      await subscribed(b, 'facts', a);
      const gone = once(a, 'disconnect');
      for (let byte = 0; byte < 4; byte++) await b.publish('facts', new Uint8Array([byte]));
      await inbox.next();
      expect(await gone).toBe(b.peerId);
      await expect(a.dial(addressOf(b))).rejects.toMatchObject({ code: 'DIAL_DENIED' });
    });

    it('refuses to publish a message over the limit', async () => {
      const a = await start();
      await expect(a.publish('facts', new Uint8Array(limits.gossipBytesMax + 1))).rejects.toMatchObject({
        code: 'OVERSIZE',
      });
    });

    it('hears nothing more after unsubscribing', async () => {
      const [a, b] = await pair();
      const inbox = subscribe(b, 'facts');
      await subscribed(a, 'facts', b);
      await a.publish('facts', new Uint8Array([1]));
      await inbox.next();
      inbox.unsubscribe();
      await until(() => a.subscribers('facts').length === 0);
      expect(await a.publish('facts', new Uint8Array([2]))).toBe(0);
    });

    it('keeps a banned peer out until the ban ends', async () => {
      const [a, b] = await pair();
      const gone = once(b, 'disconnect');
      await a.disconnect(b.peerId, { banMs: 60_000 });
      await gone;
      await expect(a.dial(addressOf(b))).rejects.toMatchObject({ code: 'DIAL_DENIED' });
      const connected = once(a, 'connect').then(() => 'connected');
      await b.dial(addressOf(a)).catch(() => undefined);
      expect(await Promise.race([connected, until(() => b.peers().length === 0)])).toBeUndefined();
    });

    it('measures the round trip', async () => {
      const [a, b] = await pair();
      const roundTripMs = await b.ping(a.peerId);
      expect(roundTripMs).toBeGreaterThanOrEqual(0);
      expect(roundTripMs).toBeLessThan(5000);
      await expect(b.ping((await start()).peerId)).rejects.toMatchObject({ code: 'NO_PEER' });
    });

    it.runIf(freesPorts)('dials a kept address again after the other side restarts', async () => {
      const a = await start();
      const b = await start();
      const connected = once(b, 'connect');
      b.keep([addressOf(a)]);
      await connected;
      const gone = once(b, 'disconnect');
      await stop(a);
      await gone;
      const back = once(b, 'connect');
      const again = await start(a);
      expect((await back).id).toBe(again.peerId);
    });

    it.runIf(freesPorts)('gossips and opens streams after the other side restarted', async () => {
      const a = await start();
      const b = await start();
      b.keep([addressOf(a)]);
      await once(b, 'connect');
      const inbox = subscribe(b, 'facts');
      await stop(a);
      const back = once(b, 'connect');
      const again = await start(a);
      again.handle('/test/echo', echo);
      await back;
      await subscribed(again, 'facts', b);
      await again.publish('facts', new Uint8Array([9]));
      expect((await inbox.next()).message).toEqual(new Uint8Array([9]));
      const stream = await b.openStream(again.peerId, '/test/echo');
      await stream.send(new Uint8Array([8]));
      await stream.close();
      expect(await collect(stream)).toEqual([new Uint8Array([8])]);
    });
  });
}

export function addressOf(network: Network): string {
  const address = network.addresses()[0];
  if (address === undefined) throw new Error('The network has no address.');
  return address;
}

export function once<K extends keyof NetworkEvents>(
  network: Network,
  event: K,
): Promise<Parameters<NetworkEvents[K]>[0]> {
  return new Promise((resolve) => {
    const off = network.on(event, ((value: Parameters<NetworkEvents[K]>[0]) => {
      off();
      resolve(value);
    }) as NetworkEvents[K]);
  });
}

/** Polls what has no event of its own in the port. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function subscribed(at: Network, topic: string, who: Network): Promise<void> {
  return until(() => at.subscribers(topic).includes(who.peerId));
}

async function echo(stream: FrameStream): Promise<void> {
  try {
    for await (const frame of stream.frames) await stream.send(frame);
    await stream.close();
  } catch {
    // The test has ended the connection.
  }
}

async function collect(stream: FrameStream): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const frame of stream.frames) frames.push(frame);
  return frames;
}

interface Received {
  readonly from: string;
  readonly message: Uint8Array;
}

function subscribe(network: Network, topic: string, judge: () => Verdict = () => 'accept') {
  const received: Received[] = [];
  let waiting: ((value: Received) => void) | undefined;
  let count = 0;
  const unsubscribe = network.subscribe(topic, async (from, message) => {
    count++;
    if (waiting === undefined) received.push({ from, message });
    else waiting({ from, message });
    waiting = undefined;
    return judge();
  });
  return {
    unsubscribe,
    count: () => count,
    next: (): Promise<Received> => {
      const first = received.shift();
      return first === undefined
        ? new Promise((resolve) => {
            waiting = resolve;
          })
        : Promise.resolve(first);
    },
  };
}
