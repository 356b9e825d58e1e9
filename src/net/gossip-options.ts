/**
 * How gossipsub is set up: every bound explicit, and scores that make rejected messages count.
 * (Its own defaults verify nothing, bound little, and score only topics that have parameters.)
 */
import type { GossipsubOpts } from '@libp2p/gossipsub';
import { concatBytes, u32Bytes, utf8 } from '../base/bytes.ts';
import { blake3 } from '../base/hash.ts';
import { limits } from '../base/limits.ts';

const HEARTBEAT_MS = 1000;

/** Below it a peer is not heard at all; then it is disconnected and banned. */
export const GRAYLIST_SCORE = -80;

/**
 * Only invalid messages count: 10 points times the square of their number, halved in about 7 s. One is
 * forgiven (a version that disagrees with ours), the third within a few seconds ends the relation.
 * Delivery scores are off: a peer that is silent, or behind a slow link, has done nothing wrong.
 */
export const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1000,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: HEARTBEAT_MS,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
};

/**
 * BLAKE3(topic length ‖ topic ‖ message): over every byte, because gossipsub remembers the id before
 * the message is checked. An id over less would let a forged copy suppress the honest one.
 */
export function messageId(topic: string, message: Uint8Array): Uint8Array {
  const name = utf8(topic);
  return blake3(concatBytes(u32Bytes(name.length), name), message);
}

export function gossipOptions(): Partial<GossipsubOpts> {
  return {
    // What travels here is signed by its author; envelope signatures cost five to seven times the rate.
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => messageId(message.topic, message.data),
    emitSelf: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // Peers learn of each other by introductions (`introductions.ts`), not by prunes.
    doPX: false,
    // A publisher sends to every subscriber it is connected to. For forwarding a peer seeks few mesh
    // links, because every link brings each message once more; but it accepts many, so that a hub
    // whose leaves have nobody else passes everything on at once, not with the next heartbeat.
    floodPublish: true,
    D: 6,
    Dlo: 4,
    Dhi: 64,
    Dscore: 4,
    Dout: 2,
    Dlazy: 6,
    gossipFactor: 0.25,
    heartbeatInterval: HEARTBEAT_MS,
    mcacheLength: 5,
    mcacheGossip: 3,
    seenTTL: limits.gossipSeenMs,
    fanoutTTL: 60_000,
    pruneBackoff: 10_000,
    unsubcribeBackoff: 1_000,
    gossipsubIWantFollowupMs: 3_000,
    // It is sent to the whole mesh before the message is judged: for small ones that costs more than it saves, and
    // one hostile message would become seven.
    idontwantMinDataSize: 16 * 1024,
    idontwantMaxMessages: 512,
    // Neither waits: a validator that verifies in batches needs several at once. What waits is bounded
    // per peer in `gossip.ts`; gossipsub's own queue in front of a waiting handler is not.
    awaitRpcHandler: false,
    awaitRpcMessageHandler: false,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    maxInboundDataLength: limits.gossipEnvelopeBytesMax,
    maxOutboundBufferSize: limits.gossipSendBytesMax,
    maxTopicBytesPerPeer: limits.gossipTopicBytesMax,
    // What an honest gossipsub sends at most in one envelope: 5,000 ids, and as many answers.
    decodeRpcLimits: {
      maxSubscriptions: 512,
      maxMessages: 5000,
      maxIhaveMessageIDs: 5000,
      maxIwantMessageIDs: 5000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 512,
      maxPeerInfos: 16,
    },
    runOnLimitedConnection: false,
    scoreThresholds: {
      gossipThreshold: -20,
      publishThreshold: -50,
      graylistThreshold: GRAYLIST_SCORE,
      acceptPXThreshold: 1000,
      opportunisticGraftThreshold: 0,
    },
    scoreParams: {
      topicScoreCap: 0,
      appSpecificScore: () => 0,
      appSpecificWeight: 0,
      // A household or an office sits behind one address.
      IPColocationFactorWeight: 0,
      IPColocationFactorThreshold: 1000,
      // Broken promises: a few happen to honest peers under load, ten a second do not.
      behaviourPenaltyWeight: -0.1,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      decayInterval: 1000,
      decayToZero: 0.01,
      retainScore: limits.banMs,
    },
  };
}
