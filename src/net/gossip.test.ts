import type { GossipSub } from '@libp2p/gossipsub';
import { TopicValidatorResult } from '@libp2p/gossipsub';
import type { Libp2p } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { expect, it } from 'vitest';
import { MemoryMetrics } from '../base/counters.ts';
import { limits } from '../base/limits.ts';
import { silentLog } from '../base/log.ts';
import { systemClock } from '../base/system-clock.ts';
import { Gossip } from './gossip.ts';

type Validator = (peerId: string, message: { data: Uint8Array }) => Promise<TopicValidatorResult>;

it('rejects a message over the limit unread, and counts it', async () => {
  const metrics = new MemoryMetrics();
  const validators = { get: (_topic: string): Validator | undefined => undefined };
  const pubsub = {
    topicValidators: validators,
    opts: { scoreParams: { topics: {} } },
    addEventListener: () => undefined,
    pipePeerReadStream: async () => undefined,
    decodeRpc: () => undefined,
    handleReceivedRpc: async () => undefined,
    handlePeerReadStreamError: () => undefined,
  };
  const gossip = new Gossip({
    libp2p: {} as Libp2p,
    pubsub: pubsub as unknown as GossipSub,
    registrar: {} as Registrar,
    clock: systemClock,
    log: silentLog,
    metrics,
    onMisbehaviour: () => undefined,
    onTopics: () => undefined,
  });
  const heard: number[] = [];
  gossip.subscribe('topic', async (_, { length }) => {
    heard.push(length);
    return 'accept';
  });
  const judge = validators.get('topic') as Validator;
  const most = limits.gossipBytesMax;
  expect(await judge('peer', { data: new Uint8Array(most + 1) })).toBe(TopicValidatorResult.Reject);
  expect(await judge('peer', { data: new Uint8Array(most) })).toBe(TopicValidatorResult.Accept);
  expect(heard).toEqual([most]);
  expect(metrics.value('gossip_rejected', { code: 'OVERSIZE' })).toBe(1);
  expect(metrics.value('gossip_received', { verdict: 'reject' })).toBe(1);
});
