/**
 * Stored runs that the disk damaged, until somebody gave them again. The set stays what it is: the
 * index of chains tells which assertions a run holds, and the id of the last one names them all.
 */
import type { Assertion, Run } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Journal } from './journal.ts';
import type { ChainRow } from './journal-keys.ts';

export interface LostRun {
  readonly author: Uint8Array;
  readonly row: ChainRow;
  /** What the chain holds before it; undefined at its begin, and where the chain forks there. */
  readonly before: { readonly seq: number; readonly id: Uint8Array } | undefined;
}

export class LostRuns {
  /** By arrival; undefined until it is looked up, null where the index does not know it. */
  readonly #runs = new Map<number, LostRun | null | undefined>();
  /** Another one was met. */
  onNote: () => void = () => undefined;

  note(arrival: number): void {
    if (this.#runs.has(arrival) || this.#runs.size >= limits.lostRunsMax) return;
    this.#runs.set(arrival, undefined);
    this.onNote();
  }

  has(arrival: number): boolean {
    return this.#runs.has(arrival);
  }

  forget(arrival: number): void {
    this.#runs.delete(arrival);
  }

  /** Those that can be asked for. Walks over the index of chains when one is new. */
  async list(journal: Journal): Promise<readonly LostRun[]> {
    const isNew = [...this.#runs].some(([, run]) => run === undefined);
    if (isNew) await this.#lookUp(journal);
    return [...this.#runs.values()].flatMap((run) => run ?? []);
  }

  async #lookUp(journal: Journal): Promise<void> {
    const wanted = new Set(this.#runs.keys());
    for await (const { author, row } of journal.chains()) {
      if (!wanted.has(row.arrival)) continue;
      const before: { readonly seq: number; readonly id: Uint8Array }[] = [];
      const seq = row.firstSeq - 1;
      for await (const { lastId } of journal.chain(author, seq, seq, { limit: 2 }))
        before.push({ seq, id: lastId });
      this.#runs.set(row.arrival, { author, row, before: before.length === 1 ? before[0] : undefined });
    }
    for (const arrival of wanted) if (this.#runs.get(arrival) === undefined) this.#runs.set(arrival, null);
  }
}

/**
 * The lost run, put together of what a peer sent; undefined where something of it is missing, and where
 * nobody's signature closes it. Its ids name its bytes, so nothing else can be put in its place.
 */
export function assembleRun({ author, row }: LostRun, sent: readonly Run[]): Run | undefined {
  const byId = new Map<string, Assertion>();
  let signature: Uint8Array | undefined;
  for (const run of sent) {
    for (const assertion of run.assertions) byId.set(bytesToHex(assertion.id), assertion);
    if (equalBytes(run.assertions.at(-1)?.id ?? author, row.lastId)) ({ signature } = run);
  }
  const assertions: Assertion[] = [];
  let id: Uint8Array | null = row.lastId;
  for (let seq = row.lastSeq; seq >= row.firstSeq; seq--) {
    const assertion: Assertion | undefined = id === null ? undefined : byId.get(bytesToHex(id));
    // Whether it was erased here, too, cannot be told without it.
    if (assertion?.payload === undefined || assertion.seq !== seq) return undefined;
    assertions.unshift(assertion);
    id = assertion.prev;
  }
  return signature === undefined ? undefined : { author, assertions, signature };
}
