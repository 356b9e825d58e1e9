/** Asks peers for stored runs that the disk damaged, and puts what they send in the place of those. */
import type { Run } from '../assertion/model.ts';
import { equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import { assembleRun, type LostRun } from '../set/lost-runs.ts';
import type { Replica } from '../set/replica.ts';
import { decodeOrBlame } from './inflow.ts';
import type { Link } from './link.ts';

/** A peer that did not have a run is not asked for it again for this long. */
const ASK_AGAIN_MS = 60_000;

export class Healer {
  readonly #replica: Replica;
  readonly #ports: Pick<Ports, 'clock'>;
  /** Until when a peer need not be asked again, by arrival. */
  readonly #againMs = new WeakMap<Link, Map<number, number>>();

  constructor(replica: Replica, ports: Pick<Ports, 'clock'>) {
    this.#replica = replica;
    this.#ports = ports;
  }

  /** Returns how many runs are whole again. */
  async askOf(link: Link, options: AbortOptions): Promise<number> {
    if (!link.shares(this.#replica.space)) return 0;
    const againMs = this.#againMs.get(link) ?? new Map<number, number>();
    this.#againMs.set(link, againMs);
    let healed = 0;
    for (const lost of await this.#replica.lostRuns()) {
      const nowMs = this.#ports.clock.nowMs();
      const { arrival } = lost.row;
      if ((againMs.get(arrival) ?? 0) > nowMs) continue;
      if (againMs.size < limits.lostRunsMax) againMs.set(arrival, nowMs + ASK_AGAIN_MS);
      const run = assembleRun(lost, await this.#pull(link, lost, options));
      if (run === undefined || !(await this.#replica.heal(lost, run))) continue;
      againMs.delete(arrival);
      healed++;
    }
    return healed;
  }

  async #pull(link: Link, { author, row, before }: LostRun, options: AbortOptions): Promise<Run[]> {
    const { space } = this.#replica;
    const range = { author, seq: row.lastSeq, id: row.lastId, have: before === undefined ? [] : [before] };
    const maxBytes = limits.pullPieceBytesMax;
    const request = { type: 'pull', tag: space.tag, ranges: [range], maxBytes, cursor: null } as const;
    const runs: Run[] = [];
    for await (const chunk of link.channel.chunks(request, options)) {
      for (const bytes of chunk.runs) {
        const run = decodeOrBlame(bytes, space.id, link);
        const { seq = 0 } = run.assertions.at(-1) ?? {};
        if (equalBytes(run.author, author) && seq >= row.firstSeq) runs.push(run);
      }
    }
    return runs;
  }
}
