/**
 * Who knows everything of a secret space but the secret: its topic, its tag, even the ids of what is in
 * it. It listens, says again what it heard, and asks with no proof, a wrong one, and those that members
 * showed to it. It must hear nothing but sealed words and denials.
 */
import type { SpaceIdentity } from '../../set/genesis.ts';
import type { Tip } from '../../set/trie-entry.ts';
import type { Answer, Request, UnknownRequest } from '../../sync/messages.ts';
import { OWN_LIMITS, SALT_BYTES } from '../../sync/requests.ts';
import { RawPeer, type RawStream } from '../raw-peer.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { CLUB_MARK } from './club.ts';
import { randomOf } from './seeds.ts';
import { addressOf, type World } from './sim-peer.ts';

const STAYS_MS = 10_000;
/** Until then members have greeted it. */
const ASKS_AFTER_MS = 2000;
const HEARD_MAX = 50;
const text = new TextDecoder('latin1');

export class Outsider {
  readonly #world: World;
  readonly #space: SpaceIdentity;
  readonly #random: SeededRandom;
  /** Sealed. */
  readonly #heard: Uint8Array[] = [];
  /** Made for it, as the peer that it was then. */
  readonly #proofs: Uint8Array[] = [];
  #visits = 0;

  constructor(world: World, space: SpaceIdentity) {
    this.#world = world;
    this.#space = space;
    this.#random = randomOf(world.seed, 'outsider');
  }

  /** Under a name that it will not use again. `tips`: what is in the space. */
  async visit(target: string, tips: readonly Tip[]): Promise<void> {
    const { hub, time, trace } = this.#world;
    const peer = await RawPeer.start(hub, `x~${this.#visits++}@${target}`, (request) =>
      this.#answer(request),
    );
    peer.network.subscribe(this.#space.topic, async (_, message) => {
      this.#overhear(message);
      return 'accept';
    });
    try {
      await peer.network.dial(addressOf(target));
    } catch {
      return peer.network.stop(); // It is down, or out of reach.
    }
    trace.count('a stranger asked for what is secret');
    time.setTimer(ASKS_AFTER_MS, () => {
      this.#repeat(peer);
      this.#askAll(peer, target, tips).catch(() => undefined); // The connection broke.
    });
    time.setTimer(STAYS_MS, () => void peer.network.stop());
  }

  #overhear(message: Uint8Array): void {
    if (text.decode(message).includes(CLUB_MARK)) this.#leak('hears a claim');
    if (this.#heard.length < HEARD_MAX) this.#heard.push(message.slice());
  }

  #leak(what: string): void {
    this.#world.oracle.fail('nobody reads without the secret', `a stranger ${what}`);
  }

  /** What it heard, once more and with a bit of it wrong. */
  #repeat({ network }: RawPeer): void {
    const message = this.#heard[this.#random.integer(this.#heard.length)];
    if (message === undefined) return;
    const at = this.#random.integer(message.length);
    const { topic } = this.#space;
    void network.publish(topic, message);
    void network.publish(
      topic,
      message.map((byte, i) => (i === at ? byte ^ 1 : byte)),
    );
  }

  #answer(request: Request | UnknownRequest): readonly Answer[] {
    if (request.type !== 'hello') return [];
    if (request.proof !== null) this.#proofs.push(request.proof.slice());
    const proof = this.#random.number() < 0.5 ? request.proof : this.#random.bytes(32);
    const clockMs = this.#world.time.nowMs();
    return [{ type: 'hello', proof, clockMs: Math.round(clockMs), limits: OWN_LIMITS }];
  }

  async #askAll(peer: RawPeer, target: string, tips: readonly Tip[]): Promise<void> {
    const stream = await peer.open(target);
    const { tag } = this.#space;
    const clockMs = Math.round(this.#world.time.nowMs());
    for (const proof of [null, this.#random.bytes(32), ...this.#proofs.slice(-3)]) {
      await this.#ask(stream, { type: 'hello', tag, proof, clockMs, limits: OWN_LIMITS });
      for (const request of this.#requests(tips)) await this.#ask(stream, request);
    }
  }

  #requests(tips: readonly Tip[]): Request[] {
    const { tag } = this.#space;
    const root = this.#random.bytes(32);
    const ranges = tips.slice(0, 10).map((tip) => ({ ...tip, have: [] }));
    return [
      { type: 'ping', tag, clockMs: 0 },
      { type: 'roots', tag, root, count: 0 },
      { type: 'nodes', tag, root, salt: this.#random.bytes(SALT_BYTES), prefixes: [new Uint8Array(0)] },
      { type: 'diff', tag, root, ids: [] },
      { type: 'digest', tag, packed: false, body: this.#random.bytes(100) },
      { type: 'pull', tag, ranges, maxBytes: 100_000, cursor: null },
      { type: 'outline', tag, ranges, assertions: 1000, bytes: 100_000 },
      { type: 'fetch', tag, ids: tips.slice(0, 10).map(({ id }) => id) },
      { type: 'flushed', tag, unlike: null, waitMs: 0 },
    ];
  }

  async #ask(stream: RawStream, request: Request): Promise<void> {
    const { type } = await stream.ask(request);
    if (type !== 'denied' && type !== 'busy' && type !== 'error') this.#leak(`is answered ${type}`);
  }
}
