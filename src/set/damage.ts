/** What an audit found: the damaged places of a store, each with a stable code. */
import { limits } from '../base/limits.ts';

/**
 * `RUN_DAMAGED`: bytes that the disk changed. `RUN_MISSING`: no run where one was. `RUN_INVALID`: an id,
 * a signature or an encoding that is wrong although the bytes are those that were stored. `RUN_ORPHANED`:
 * sound, but what it builds on is not. `ROW_DAMAGED`: a row beside the runs lacks or says something else
 * than they do; `ROW_STRAY`: one of which they know nothing. `TABLE_UNREADABLE`: the store cannot read
 * on. `FILE_DAMAGED`: a file of the store is not what was written. `KEY_DAMAGED`: a key or a space in the keyring. `SPACE_UNKNOWN`: rows of a space that is not in it.
 */
export type DamageCode =
  | 'RUN_DAMAGED'
  | 'RUN_MISSING'
  | 'RUN_INVALID'
  | 'RUN_ORPHANED'
  | 'ROW_DAMAGED'
  | 'ROW_STRAY'
  | 'TABLE_UNREADABLE'
  | 'FILE_DAMAGED'
  | 'KEY_DAMAGED'
  | 'SPACE_UNKNOWN';

export interface Damage {
  readonly code: DamageCode;
  readonly message: string;
  /** Number of the stored run, and how many from there on. */
  readonly arrival?: number;
  readonly runs?: number;
  /** Of a row: its table. */
  readonly table?: string;
  /** Author in hex and seqs of a lost run, where an index still tells. */
  readonly author?: string;
  readonly firstSeq?: number;
  readonly lastSeq?: number;
}

/** What is sound in a space, and what is not. */
export interface SpaceAudit {
  /** In hex. */
  readonly space: string;
  readonly name: string;
  /** Sound ones, with all that they build on. */
  readonly runs: number;
  readonly assertions: number;
  /** Rows of claims that say what the runs say. */
  readonly claims: number;
  /** Root of what is sound, in hex. */
  readonly root: string;
  /** Damaged places; `damage` names the first `limits.auditDamageMax`. */
  readonly damaged: number;
  readonly damage: readonly Damage[];
}

export class DamageList {
  readonly list: Damage[] = [];
  count = 0;

  add(damage: Damage): void {
    this.count++;
    if (this.list.length < limits.auditDamageMax) this.list.push(damage);
  }

  /** Adds to what was said of the lost run. */
  name(arrival: number, more: Pick<Damage, 'author' | 'firstSeq' | 'lastSeq'>): void {
    const at = this.list.findIndex((damage) => damage.arrival === arrival && damage.table === undefined);
    if (at >= 0) this.list[at] = { ...(this.list[at] as Damage), ...more };
  }
}
