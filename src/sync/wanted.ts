/** Asks peers for payloads that came erased from elsewhere, and fills in what they still have. */
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { decodeOrBlame } from './inflow.ts';
import type { Link } from './link.ts';

/** A peer that had none of all that we want is not asked again for this long. */
const ASK_AGAIN_MS = 60_000;

/** How far one peer has been asked. */
interface Turn {
  /** The last id that it was asked for; undefined at the beginning. */
  after: Uint8Array | undefined;
  restored: number;
  /** When it is worth asking again. */
  againMs: number;
}

export class Wanted {
  readonly #replica: Replica;
  readonly #ports: Ports;
  readonly #turns = new WeakMap<Link, Turn>();

  constructor(replica: Replica, ports: Ports) {
    this.#replica = replica;
    this.#ports = ports;
  }

  /**
   * Asks for the next ones in order, from the beginning again after the last: what nobody has, and who
   * likes may make a million of that, keeps nothing else from being asked for. Returns how many
   * payloads were filled in.
   */
  async askOf(link: Link, options: AbortOptions): Promise<number> {
    const nowMs = this.#ports.clock.nowMs();
    const turn = this.#turns.get(link) ?? { after: undefined, restored: 0, againMs: 0 };
    if (turn.againMs > nowMs || !link.shares(this.#replica.space)) return 0;
    this.#turns.set(link, turn);
    const max = Math.min(limits.wantedPerRoundMax, link.limits.fetchIds);
    const ids = await this.#replica.journal.wanted(max, turn.after);
    if (ids.length === 0 && turn.after === undefined) return 0;
    turn.after = ids.length < max ? undefined : ids[max - 1];
    const restored = ids.length === 0 ? 0 : await this.#fetch(link, ids, options);
    turn.restored += restored;
    if (turn.after !== undefined) return restored;
    if (turn.restored === 0) turn.againMs = nowMs + ASK_AGAIN_MS;
    turn.restored = 0;
    return restored;
  }

  async #fetch(link: Link, ids: readonly Uint8Array[], options: AbortOptions): Promise<number> {
    const { space } = this.#replica;
    const asked = new Set(ids.map(bytesToHex));
    let restored = 0;
    const request = { type: 'fetch', tag: space.tag, ids } as const;
    for await (const chunk of link.channel.chunks(request, options)) {
      for (const bytes of chunk.runs) {
        const run = decodeOrBlame(bytes, space.id, link);
        const matching = run.assertions.filter((assertion) => asked.has(bytesToHex(assertion.id)));
        if (matching.length === 0) {
          this.#ports.metrics.add('sync_unsolicited');
          link.fault('BAD_HASH', 'The peer sent a run that holds none of the ids that were asked for.');
        }
        for (const assertion of matching) if (await this.#replica.restore(assertion)) restored++;
      }
    }
    this.#ports.metrics.add('payloads_restored', restored);
    return restored;
  }
}
