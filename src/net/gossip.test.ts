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

/** A gossip of which a test is the library, and the validator that it was given. */
function start() {
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
    handleGraft: async () => [],
    createInboundStream: () => undefined,
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
  const judge = (from: string, bytes: number) =>
    (validators.get('topic') as Validator)(from, { data: new Uint8Array(bytes) });
  return { gossip, metrics, judge };
}

it('rejects a message over the limit unread, and counts it', async () => {
  const { gossip, metrics, judge } = start();
  const heard: number[] = [];
  gossip.subscribe('topic', async (_, { length }) => {
    heard.push(length);
    return 'accept';
  });
  const most = limits.gossipBytesMax;
  expect(await judge('peer', most + 1)).toBe(TopicValidatorResult.Reject);
  expect(await judge('peer', most)).toBe(TopicValidatorResult.Accept);
  expect(heard).toEqual([most]);
  expect(metrics.value('gossip_rejected', { code: 'OVERSIZE' })).toBe(1);
  expect(metrics.value('gossip_received', { verdict: 'reject' })).toBe(1);
});

it('lets a few peers fill what may wait for a verdict, and still hears one message of any other', async () => {
  const { gossip, metrics, judge } = start();
  let decide: () => void = () => undefined;
  const decided = new Promise<void>((resolve) => {
    decide = resolve;
  });
  gossip.subscribe('topic', async () => {
    await decided;
    return 'accept';
  });
  const bytes = limits.gossipBytesMax;
  const each = limits.gossipPendingBytesMax / bytes;
  const peers = limits.gossipPendingAllBytesMax / limits.gossipPendingBytesMax;
  const greedy = Array.from({ length: peers + 1 }, (_, n) => Array(each + 1).fill(`peer ${n}`)).flat();
  const verdicts = Promise.all(greedy.map((peer) => judge(peer, bytes)));
  const other = judge('other', bytes);
  decide();
  const accepted = (await verdicts).filter((verdict) => verdict === TopicValidatorResult.Accept);
  expect(accepted).toHaveLength(peers * each + 1);
  expect(await other).toBe(TopicValidatorResult.Accept);
  expect(metrics.value('gossip_shed')).toBe(greedy.length - accepted.length);
  expect(await judge('peer 0', bytes)).toBe(TopicValidatorResult.Accept);
});
