/** What a bad peer says, by the name of the attack: one message each time that it is asked for one. */
import { RPC } from '@libp2p/gossipsub/message';
import { decodeRun, encodeRun } from '../../src/assertion/run-codec.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { encodeDigest } from '../../src/sync/digest.ts';
import type { Request } from '../../src/sync/messages.ts';
import { decodePush, encodePush } from '../../src/sync/push.ts';
import { encodeRequest, OWN_LIMITS } from '../../src/sync/requests.ts';
import { onGossip, onSync } from './bad-node.ts';
import { forgeries } from './forgeries.ts';

/** On which stream it goes: of the gossip or of the sync protocol, which the name begins with. */
export type Saying = readonly [stream: StreamName, bytes: Uint8Array];
export type StreamName = `${'gossip' | 'sync'}${string}`;

/** Makes messages, told which streams have not carried one; `undefined` while there is nothing to say yet. */
export type Attack = (number: number, isFresh: (stream: StreamName) => boolean) => Saying | undefined;

interface Stage {
  readonly space: SpaceIdentity;
  /** Messages of honest peers. */
  readonly heard: readonly Uint8Array[];
}

const random = (length: number) => systemRandom.bytes(length);
const IHAVE_IDS = 100;
const SLOW_STREAMS = 40;

export function rpcOf(parts: Partial<RPC>): Uint8Array {
  return onGossip(RPC.encode({ subscriptions: [], messages: [], ...parts }));
}

function control(parts: Partial<RPC.ControlMessage>): Saying {
  const all = { ihave: [], iwant: [], graft: [], prune: [], idontwant: [], ...parts };
  return ['gossip', rpcOf({ control: all })];
}

export function helloOf(space: SpaceIdentity): Uint8Array {
  const { tag } = space;
  return onSync(
    encodeRequest(1, { type: 'hello', tag, proof: null, clockMs: Date.now(), limits: OWN_LIMITS }),
  );
}

const ask = (number: number, request: Request): Saying => [
  'sync',
  onSync(encodeRequest(number + 2, request)),
];

/** By name. The space is an open one. */
export const attacks = {
  /** Assertions that their author did not sign, each another. */
  signatures: async ({ space }: Stage): Promise<Attack> => {
    const forged = await forgeries.signature?.(space);
    const run = decodeRun(forged?.run as Uint8Array, space.id);
    return () => {
      const data = encodePush(space.id, [encodeRun({ ...run, signature: random(64) })]);
      return ['gossip', rpcOf({ messages: [{ topic: space.topic, data }] })];
    };
  },

  /** Gossip envelopes that cannot be decoded. */
  envelopes: async (): Promise<Attack> => () => ['gossip', onGossip(undecodable())],

  /** Sync frames that cannot be decoded, each on a stream that the last one left open. */
  frames: async (): Promise<Attack> => () => ['sync', onSync(undecodable())],

  /** What honest peers said, word for word and in new envelopes. */
  replays:
    async ({ space, heard }: Stage): Promise<Attack> =>
    (number) => {
      const old = heard[number % heard.length];
      if (old === undefined) return undefined;
      if (number % 2 === 0) return ['gossip', rpcOf({ messages: [{ topic: space.topic, data: old }] })];
      const runs = decodePush(old, space.id).map(encodeRun);
      // As often as it takes to be a message that was never seen.
      const again = Array.from({ length: 1 + (number % 16) }, () => runs).flat();
      const data = encodePush(space.id, [...again, ...runs]);
      return ['gossip', rpcOf({ messages: [{ topic: space.topic, data }] })];
    },

  /** Promises of messages that do not exist. */
  ihave:
    async ({ space }: Stage): Promise<Attack> =>
    () =>
      control({
        ihave: [{ topicID: space.topic, messageIDs: Array.from({ length: IHAVE_IDS }, () => random(32)) }],
      }),

  /** In and out of the mesh. */
  grafts:
    async ({ space }: Stage): Promise<Attack> =>
    (number) =>
      number % 2 === 0
        ? control({ graft: [{ topicID: space.topic }] })
        : control({ prune: [{ topicID: space.topic, peers: [] }] }),

  /** A byte at a time of messages that never end, on more streams than anybody needs. */
  slowloris: async (): Promise<Attack> => (number, isFresh) => {
    const stream: StreamName = `${number % 2 === 0 ? 'sync' : 'gossip'} ${number % SLOW_STREAMS}`;
    if (!isFresh(stream)) return [stream, Uint8Array.of(0)];
    // It will be 64 KiB, says the length in front.
    return [stream, stream.startsWith('sync') ? Uint8Array.of(0, 1, 0, 0) : Uint8Array.of(0x80, 0x80, 0x04)];
  },

  /** Digests that read well, one after the other. */
  digests:
    async ({ space: { tag } }: Stage): Promise<Attack> =>
    (number) => {
      const digest = { root: random(32), nonce: random(16), hintCount: 0, clock: [], bloom: null };
      return ask(number, { type: 'digest', tag, packed: false, body: encodeDigest(digest) });
    },

  /** Hello, and another root each time, so that a sync seems due. */
  toggles:
    async ({ space }: Stage): Promise<Attack> =>
    (number) =>
      number % 8 === 0
        ? ['sync', helloOf(space)]
        : ask(number, { type: 'roots', tag: space.tag, root: random(32), count: number }),
} as const;

export type AttackName = keyof typeof attacks | 'churn';
export const ATTACKS = [...Object.keys(attacks), 'churn'] as AttackName[];

/** Reads as nothing at all: a field that claims to be longer than what follows. */
function undecodable(): Uint8Array {
  const bytes = random(60);
  bytes.set([0x0a, 0xff, 0xff, 0x7f]);
  return bytes;
}
