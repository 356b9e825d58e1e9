/** Asks peers for payloads that came erased from elsewhere, and fills in what they still have. */
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { decodeOrBlame } from './inflow.ts';
import type { Link } from './link.ts';

/** A peer that had none of what we want is not asked again for this long. */
const ASK_AGAIN_MS = 60_000;

export class Wanted {
  readonly #replica: Replica;
  readonly #ports: Ports;
  /** When a peer is worth asking again. */
  readonly #againMs = new WeakMap<Link, number>();

  constructor(replica: Replica, ports: Ports) {
    this.#replica = replica;
    this.#ports = ports;
  }

  /** Returns how many payloads were filled in. */
  async askOf(link: Link, options: AbortOptions): Promise<number> {
    const nowMs = this.#ports.clock.nowMs();
    if ((this.#againMs.get(link) ?? 0) > nowMs || !link.shares(this.#replica.space)) return 0;
    const ids = await this.#replica.journal.wanted(Math.min(limits.wantedPerRoundMax, link.limits.fetchIds));
    if (ids.length === 0) return 0;
    const restored = await this.#fetch(link, ids, options);
    if (restored === 0) this.#againMs.set(link, nowMs + ASK_AGAIN_MS);
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
