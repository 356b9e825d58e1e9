import type { RPC } from '@libp2p/gossipsub/message';
import type { PeerId, Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { allowances } from '../base/allowance.ts';
import { MemoryMetrics } from '../base/counters.ts';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { GossipGuard, type GossipReading } from './gossip-guard.ts';

const BAD = Uint8Array.of(255);

describe('the gossip guard', () => {
  it('names a peer after as many undecodable envelopes as it is allowed faults, however it comes back', async () => {
    const it = start();
    for (let n = 1; n < limits.offencesMax; n++) await it.connection('bad', [BAD]);
    await it.connection('good', [Uint8Array.of(1), BAD]);
    expect(it.offenders).toEqual([]);
    await it.connection('bad', [BAD]);
    expect(it.offenders).toEqual(['bad']);
    expect(it.metrics.value('gossip_faults', { why: 'undecodable' })).toBe(limits.offencesMax + 1);
  });

  it('blames who sent an envelope, also when several peers’ are read at a time', async () => {
    const it = start();
    const many = Array(limits.offencesMax).fill(BAD);
    await Promise.all([it.connection('good', Array(20).fill(Uint8Array.of(1))), it.connection('bad', many)]);
    expect(it.offenders).toEqual(['bad']);
  });

  it('counts an envelope that announces more than it may have', () => {
    const it = start();
    const error = Object.assign(new Error(), { name: 'InvalidDataLengthError' });
    for (let n = 0; n < limits.offencesMax; n++) it.reading.handlePeerReadStreamError(error, peer('bad'));
    it.reading.handlePeerReadStreamError(new Error('reset'), peer('good'));
    expect(it.offenders).toEqual(['bad']);
  });

  it('forgets faults that are old', async () => {
    const it = start();
    for (let n = 0; n < 2 * limits.offencesMax; n++) {
      await it.connection('clumsy', [BAD]);
      await it.clock.advance(limits.offenceTtlMs / (limits.offencesMax - 1) + 1);
    }
    expect(it.offenders).toEqual([]);
  });

  it('passes on the promises of an honest peer, and takes what is beyond as faults', async () => {
    const it = start();
    const { start: most } = allowances.promises;
    for (let n = 1; n < most + limits.offencesMax; n++)
      await it.reading.handleReceivedRpc(peer('bad'), promise());
    expect(it.handled).toHaveLength(most);
    expect(it.offenders).toEqual([]);
    await it.reading.handleReceivedRpc(peer('bad'), promise());
    expect(it.offenders).toEqual(['bad']);
    for (let n = 0; n < 100; n++) {
      await it.reading.handleReceivedRpc(peer('good'), promise());
      await it.clock.advance(1000);
    }
    expect(it.handled).toHaveLength(most + 100);
    expect(it.offenders).toEqual(['bad']);
  });

  it('bears the promises that an honest peer made while this one was frozen', async () => {
    const it = start();
    it.open('good');
    await it.clock.advance(45_000);
    for (let n = 0; n < 45; n++) await it.reading.handleReceivedRpc(peer('good'), promise());
    expect(it.handled).toHaveLength(45);
    expect(it.offenders).toEqual([]);
  });

  it('takes grafts that the library refuses on and on as faults, and no others', async () => {
    const it = start();
    for (let n = 0; n < 100; n++) await it.reading.handleGraft('good', [{ topicID: 'open' }]);
    const most = allowances.refusedGrafts.start + limits.offencesMax;
    for (let n = 1; n < most; n++) await it.reading.handleGraft('bad', [{ topicID: 'refused' }]);
    expect(it.offenders).toEqual([]);
    expect(await it.reading.handleGraft('bad', [{ topicID: 'refused' }])).toHaveLength(1);
    expect(it.offenders).toEqual(['bad']);
  });

  it('ends streams of a peer that opens them on and on, and takes them as faults', () => {
    const it = start();
    const most = allowances.gossipStreams.start + limits.offencesMax;
    for (let n = 0; n < most; n++) it.open('bad');
    it.open('good');
    expect(it.opened).toBe(allowances.gossipStreams.start + 1);
    expect(it.aborted).toBe(limits.offencesMax);
    expect(it.offenders).toEqual(['bad']);
  });

  it('passes over messages of a peer that brings nothing new, hears the rest of what it says, and blames nobody', async () => {
    const it = start();
    const hear = async (id: string, isNews: boolean) => {
      const rpc = message();
      await it.reading.handleReceivedRpc(peer(id), rpc);
      if (rpc.messages.length > 0) it.guard.judged(id, isNews);
      return rpc.messages.length > 0;
    };
    const { start: most, perSecond } = allowances.staleMessages;
    for (let n = 0; n < most; n++) expect(await hear('stale', false)).toBe(true);
    expect(await hear('stale', false)).toBe(false);
    expect(it.handled).toHaveLength(most + 1);
    await it.clock.advance(1000 / perSecond);
    expect(await hear('stale', true)).toBe(true);
    expect(await hear('stale', false)).toBe(true);
    // As often old as new.
    for (let n = 0; n < 10 * most; n++) expect(await hear('good', n % 2 === 0)).toBe(true);
    expect(it.offenders).toEqual([]);
  });
});

const promise = () => ({ control: { ihave: [{}] }, messages: [] }) as unknown as RPC;
const message = () => ({ messages: [{}] }) as unknown as RPC;
const peer = (id: string) => ({ toString: () => id }) as PeerId;

/** A guard before a library that reads, decodes, cannot decode `BAD`, and refuses grafts on one topic. */
function start() {
  const clock = new VirtualClock();
  const metrics = new MemoryMetrics();
  const offenders: string[] = [];
  const handled: RPC[] = [];
  const it = { clock, metrics, offenders, handled, opened: 0, aborted: 0 };
  const reading: GossipReading = {
    createInboundStream() {
      it.opened++;
    },
    async pipePeerReadStream(_, source) {
      for await (const data of source) {
        try {
          this.decodeRpc(data.subarray());
        } catch {
          // As the library does.
        }
      }
    },
    decodeRpc(bytes) {
      if (bytes[0] === BAD[0]) throw new Error('undecodable');
      return {} as RPC;
    },
    async handleReceivedRpc(_, rpc) {
      handled.push(rpc);
    },
    handleGraft: async (_, grafts) => grafts.filter(({ topicID }) => topicID === 'refused'),
    handlePeerReadStreamError: () => undefined,
  };
  const guard = new GossipGuard(reading, { clock, metrics, onOffender: (peerId) => offenders.push(peerId) });
  const connection = (id: string, envelopes: readonly Uint8Array[]) =>
    reading.pipePeerReadStream(peer(id), sourceOf(envelopes));
  const open = (id: string) =>
    reading.createInboundStream(peer(id), { abort: () => it.aborted++ } as unknown as Stream);
  return Object.assign(it, { reading, guard, connection, open });
}

async function* sourceOf(envelopes: readonly Uint8Array[]) {
  for (const envelope of envelopes) yield { subarray: () => Uint8Array.from(envelope) };
}
