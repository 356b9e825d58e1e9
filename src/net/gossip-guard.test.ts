import type { RPC } from '@libp2p/gossipsub/message';
import type { PeerId } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
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

  it('passes on the promises of a second, and takes those of a flood as faults', async () => {
    const it = start();
    const most = limits.gossipPromisesPerSecondMax;
    for (let n = 0; n < most * limits.offencesMax + 1; n++)
      await it.reading.handleReceivedRpc(peer('bad'), promise);
    expect(it.handled).toBe(most);
    expect(it.offenders).toEqual(['bad']);
  });

  it('bears the promises that an honest peer made while this one was frozen', async () => {
    const it = start();
    for (let n = 0; n < 45; n++) await it.reading.handleReceivedRpc(peer('good'), promise);
    await it.clock.advance(1000);
    await it.reading.handleReceivedRpc(peer('good'), promise);
    expect(it.offenders).toEqual([]);
    expect(it.handled).toBe(limits.gossipPromisesPerSecondMax + 1);
  });
});

const promise = { control: { ihave: [{}] } } as unknown as RPC;
const peer = (id: string) => ({ toString: () => id }) as PeerId;

/** A guard before a library that reads, decodes, and cannot decode `BAD`. */
function start() {
  const clock = new VirtualClock();
  const metrics = new MemoryMetrics();
  const offenders: string[] = [];
  const it = { clock, metrics, offenders, handled: 0 };
  const reading: GossipReading = {
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
    async handleReceivedRpc() {
      it.handled++;
    },
    handlePeerReadStreamError: () => undefined,
  };
  new GossipGuard(reading, { clock, metrics, onOffender: (peerId) => offenders.push(peerId) });
  const connection = (id: string, envelopes: readonly Uint8Array[]) =>
    reading.pipePeerReadStream(peer(id), sourceOf(envelopes));
  return Object.assign(it, { reading, connection });
}

async function* sourceOf(envelopes: readonly Uint8Array[]) {
  for (const envelope of envelopes) yield { subarray: () => Uint8Array.from(envelope) };
}
