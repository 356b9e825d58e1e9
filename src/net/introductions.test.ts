import { describe, expect, it } from 'vitest';
import { encodeValue } from '../base/cbor.ts';
import type { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream } from '../base/ports.ts';
import type { Value } from '../base/value.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Acquaintances } from './acquaintances.ts';
import {
  decodeIntroductions,
  encodeIntroductions,
  type Introduction,
  IntroductionsHost,
  pairRank,
} from './introductions.ts';
import { MemoryFrameStream } from './memory-stream.ts';

const introduction = (peerId: string, addresses: string[] = [], viaHost = true): Introduction => ({
  peerId,
  viaHost,
  addresses,
});

/** Two ends of a stream without delay. */
function streams(host: string, guest: string): [MemoryFrameStream, MemoryFrameStream] {
  const now = (action: () => void) => action();
  return MemoryFrameStream.pair(host, guest, now, now);
}

describe('introductions', () => {
  it('survive their encoding', () => {
    const all = [introduction('a', ['/ip4/1.2.3.4/tcp/1/p2p/a']), introduction('b', [], false)];
    expect(decodeIntroductions(encodeIntroductions(all))).toEqual(all);
  });

  it.each<[string, Value]>([
    ['no list', 'a'],
    ['a row that is no list', ['a']],
    ['a row that is too long', [['a', true, [], 1]]],
    ['a peer id that is no text', [[1, true, []]]],
    ['a flag that is none', [['a', 1, []]]],
    ['an address that is no text', [['a', true, [1]]]],
    ['too many addresses', [['a', true, Array(limits.addressesPerPeerMax + 1).fill('x')]]],
    ['too many peers', Array(limits.introducedPeersMax + 1).fill(['a', true, []])],
  ])('are refused with %s', (_name, value) => {
    expect(() => decodeIntroductions(encodeValue(value))).toThrow(
      expect.objectContaining({ code: 'BAD_ENCODING' }),
    );
  });

  it('are refused at their head when it names too many, and with an address that is too long [STC-13]', () => {
    const items = new Uint8Array(1_048_576).fill(0x80);
    items.set([0x9a, 0, 0x0f, 0xff, 0xfb]);
    expect(() => decodeIntroductions(items)).toThrow(expect.objectContaining({ code: 'BAD_ENCODING' }));
    const long = { ...introduction('a'), addresses: ['x'.repeat(limits.addressBytesMax + 1)] };
    expect(() => decodeIntroductions(encodeIntroductions([long]))).toThrow(/too long/);
  });

  it('rank a pair the same from both ends', () => {
    expect(pairRank('a', 'b')).toBe(pairRank('b', 'a'));
    expect(pairRank('a', 'b')).not.toBe(pairRank('a', 'c'));
  });
});

describe('a host', () => {
  const setUp = () => {
    const failures: [string, string][] = [];
    const asked: string[] = [];
    const clock = new VirtualClock();
    const topics = new Map([
      ['a', new Set(['x'])],
      ['b', new Set(['x', 'y'])],
      ['c', new Set(['z'])],
    ]);
    const host = new IntroductionsHost({
      clock,
      peerIds: () => [...topics.keys()],
      topics: (peerId) => topics.get(peerId) ?? new Set(),
      hasReservation: () => true,
      addresses: async (peerId) => {
        asked.push(peerId);
        return [];
      },
      onFailure: (peerId, cause) => failures.push([peerId, (cause as AverError).code]),
    });
    const join = (peerId: string) => {
      const [guest, end] = streams(peerId, 'host');
      host.onStream(end);
      const frames = guest.frames[Symbol.asyncIterator]();
      return async () => decodeIntroductions((await frames.next()).value).map((item) => item.peerId);
    };
    return { clock, topics, host, join, failures, asked };
  };

  it('tells a guest of those who share a topic, and of nobody else', async () => {
    const { clock, join } = setUp();
    const next = join('a');
    await clock.advance(limits.introduceDelayMs);
    expect(await next()).toEqual(['b']);
  });

  it('tells again when something changed, and only then', async () => {
    const { clock, topics, host, join } = setUp();
    const next = join('a');
    await clock.advance(limits.introduceDelayMs);
    await next();
    host.onChange();
    await clock.advance(limits.introduceEveryMs);
    topics.set('c', new Set(['x']));
    host.onChange();
    await clock.advance(limits.introduceEveryMs);
    expect((await next()).sort()).toEqual(['b', 'c']);
  });

  it('looks once at each peer for all guests, and not at once again for whoever comes and goes', async () => {
    const { clock, topics, host, join, asked } = setUp();
    for (const guest of ['a', 'b', 'd', 'e']) {
      topics.set(guest, new Set(['x']));
      void join(guest)();
    }
    await clock.advance(limits.introduceDelayMs);
    expect(asked.toSorted()).toEqual(['a', 'b', 'd', 'e']);
    for (let ms = 0; ms < 10 * limits.introduceEveryMs; ms += limits.introduceDelayMs) {
      host.onChange();
      await clock.advance(limits.introduceDelayMs);
    }
    expect(asked.length).toBeLessThanOrEqual(4 * 12);
  });

  it('ends the stream of a guest that writes, and says BAD_ENCODING', async () => {
    const { host, failures } = setUp();
    const [guest, end] = streams('a', 'host');
    host.onStream(end);
    await guest.send(new Uint8Array(1));
    await expect(guest.frames[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'STREAM_FAILED',
    });
    expect(failures).toEqual([['a', 'BAD_ENCODING']]);
  });

  it('names no more peers than the limit', async () => {
    const { clock, topics, join } = setUp();
    for (let i = 0; i < 2 * limits.introducedPeersMax; i++) topics.set(`p${i}`, new Set(['x']));
    const next = join('a');
    await clock.advance(limits.introduceDelayMs);
    expect(await next()).toHaveLength(limits.introducedPeersMax);
  });
});

describe('a guest', () => {
  const setUp = (self: string) => {
    const failures: [string, string][] = [];
    const clock = new VirtualClock();
    const dialled: string[] = [];
    const connected = new Set<string>();
    let works = true;
    const guest = new Acquaintances({
      self,
      clock,
      random: new SeededRandom(1),
      isConnected: (peerId) => connected.has(peerId),
      connectionCount: () => connected.size,
      toAddresses: (host, { peerId, viaHost }) => (viaHost ? [`${host}>${peerId}`] : []),
      dial: async ([address = '']) => {
        dialled.push(address);
        if (!works) throw new Error('unreachable');
        connected.add(address.split('>')[1] ?? '');
      },
      onFailure: (peerId, cause) => failures.push([peerId, (cause as AverError).code]),
    });
    const [host, end] = streams('host', self);
    const tell = (...introductions: Introduction[]) => host.send(encodeIntroductions(introductions));
    void guest.follow(peerOf(end));
    return {
      clock,
      dialled,
      connected,
      guest,
      tell,
      host,
      failures,
      setWorks: (value: boolean) => (works = value),
    };
  };
  /** The stream as the guest has it: towards the host. */
  const peerOf = (end: MemoryFrameStream): FrameStream => end;

  it('dials a peer with a greater id at once, and one with a smaller id only later', async () => {
    const { clock, dialled, tell } = setUp('m');
    await tell(introduction('z'), introduction('a'));
    await clock.advance(0);
    expect(dialled).toEqual(['host>z']);
    await clock.advance(limits.introduceTurnMs);
    expect(dialled).toEqual(['host>z', 'host>a']);
  });

  it('does not dial itself, nor a peer that it has', async () => {
    const { clock, dialled, connected, tell } = setUp('m');
    connected.add('z');
    await tell(introduction('z'), introduction('m'));
    await clock.advance(limits.introduceTurnMs);
    expect(dialled).toEqual([]);
  });

  it('tries again with growing waits, until it works', async () => {
    const { clock, dialled, tell, setWorks } = setUp('a');
    setWorks(false);
    await tell(introduction('z'));
    await clock.advance(60_000);
    const failed = dialled.length;
    expect(failed).toBeGreaterThan(3);
    expect(failed).toBeLessThan(12);
    setWorks(true);
    await clock.advance(limits.redialMsMax);
    expect(dialled.length).toBe(failed + 1);
  });

  it('stops trying when its host tells of the peer no more', async () => {
    const { clock, dialled, tell, setWorks } = setUp('a');
    setWorks(false);
    await tell(introduction('z'));
    await clock.advance(0);
    await tell();
    await clock.advance(60_000);
    expect(dialled).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('dials again when the link breaks while its host still tells of the peer', async () => {
    const { clock, dialled, connected, guest, tell } = setUp('a');
    await tell(introduction('z'));
    await clock.advance(0);
    connected.delete('z');
    guest.onDisconnect('z');
    await clock.advance(limits.redialMsMin);
    expect(dialled).toHaveLength(2);
  });

  it('has no more neighbours than the limit by its own doing', async () => {
    const { clock, dialled, tell } = setUp('a');
    await tell(...Array.from({ length: limits.introducedPeersMax }, (_, i) => introduction(`p${i}`)));
    await clock.advance(60_000);
    expect(dialled).toHaveLength(limits.neighboursMax);
  });

  it.each<[string, string, Uint8Array]>([
    ['nonsense', 'BAD_ENCODING', new Uint8Array([0xff])],
    ['half of it', 'BAD_ENCODING', encodeIntroductions([introduction('a')]).subarray(0, -1)],
    ['more than it ends with', 'BAD_ENCODING', Uint8Array.of(...encodeIntroductions([]), 0)],
    ['what is nested', 'BAD_ENCODING', new Uint8Array(1000).fill(0x81)],
  ])('ends the stream of a host that tells %s, and says %s', async (_, code, said) => {
    const { host, failures, dialled } = setUp('m');
    await host.send(said);
    await expect(host.frames[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'STREAM_FAILED' });
    expect(failures).toEqual([['host', code]]);
    expect(dialled).toEqual([]);
  });
});
