/**
 * Power cuts: a writer is killed, and of each log of LevelDB what was not synced is cut off, from none
 * to all of it. What was acknowledged, and all that it builds on, has to be there.
 */
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { buildFailingDisk, failingDisk, readRecord } from './failing-disk.ts';
import { Ledger } from './ledger.ts';
import { onCopy, readRows } from './raw-rows.ts';
import { type Checked, rawSet } from './raw-set.ts';
import { shownBy } from './shown.ts';
import { type Death, live } from './victim.ts';
import type { Mix } from './writer.ts';

export interface PowerReport {
  readonly cut: number;
  /** Logs that were there, and bytes of them that were not synced. */
  readonly logs: number;
  readonly unsyncedBytes: number;
  /** States of the disk that were tried. */
  readonly states: number;
  readonly acknowledged: number;
  readonly breaches: readonly string[];
}

export interface PowerOptions {
  readonly cuts: number;
  readonly seed: number;
  /** States of the disk after each, at most. */
  readonly states: number;
  readonly onCut?: (report: PowerReport) => void;
}

/** Resolves with a report of each cut; undefined where syncs cannot be watched. */
export async function cutPower(options: PowerOptions): Promise<PowerReport[] | undefined> {
  const place = mkdtempSync(join(tmpdir(), 'aver-power-'));
  try {
    const library = buildFailingDisk(place);
    if (library === undefined) return undefined;
    const random = new SeededRandom(options.seed);
    const reports: PowerReport[] = [];
    for (let cut = 0; cut < options.cuts; cut++) {
      const directory = join(place, String(cut));
      const report = await oneCut(library, directory, cut, options.states, random);
      rmSync(directory, { recursive: true, force: true });
      reports.push(report);
      options.onCut?.(report);
    }
    return reports;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function oneCut(
  library: string,
  directory: string,
  cut: number,
  states: number,
  random: SeededRandom,
): Promise<PowerReport> {
  const ledger = new Ledger();
  const store = join(directory, 'store');
  const record = `${directory}.record`;
  const environment = failingDisk({ library, path: store, record });
  const { mix, death } = endOf(cut, random);
  await live({ directory, life: cut, death, mix, environment, heard: (said) => ledger.heard(said) });
  const logs = logsOf(store, readRecord(record).synced);
  const checked: Checked = new Map();
  let tried = 0;
  for (const sizes of cutsOf(logs, states, random)) {
    const breaches = await onCopy(store, (copy) => checkCut(copy, sizes, ledger, checked));
    tried++;
    if (breaches.length === 0) continue;
    ledger.breaches.push(`cut to ${JSON.stringify(sizes)}: ${breaches.slice(0, 5).join('; ')}`);
  }
  rmSync(record, { force: true });
  return {
    cut,
    logs: logs.length,
    unsyncedBytes: logs.reduce((sum, { size, synced }) => sum + size - synced, 0),
    states: tried,
    acknowledged: ledger.acknowledged,
    breaches: ledger.breaches,
  };
}

/** Amid small writes, amid many that are not synced, or while LevelDB goes on from one log to another. */
function endOf(cut: number, random: SeededRandom): { readonly mix: Mix; readonly death: Death } {
  const afterMs = random.integer(30);
  if (cut % 4 === 0) return { mix: 'small', death: { at: 'any time', afterMs: 20 + afterMs * 10 } };
  if (cut % 4 === 1) return { mix: 'foreign', death: { at: 'any time', afterMs: 20 + afterMs * 50 } };
  // The first log begins when the store is made.
  return { mix: 'foreign', death: { at: 'a log begins', nth: 2, afterMs } };
}

interface Log {
  readonly name: string;
  readonly size: number;
  readonly synced: number;
}

/** Oldest first. */
function logsOf(store: string, synced: ReadonlyMap<string, number>): Log[] {
  const names = readdirSync(store).filter((name) => name.endsWith('.log'));
  return names.sort().map((name) => {
    const path = join(store, name);
    return { name, size: statSync(path).size, synced: synced.get(path) ?? 0 };
  });
}

type Sizes = Readonly<Record<string, number>>;

/** All that was not synced is gone; each log loses it alone; and up to any place, drawn by chance. */
function cutsOf(logs: readonly Log[], states: number, random: SeededRandom): Sizes[] {
  const all = Object.fromEntries(logs.map(({ name, synced }) => [name, synced]));
  const alone = logs.map(({ name, synced }): Sizes => ({ [name]: synced }));
  const anywhere = Array.from({ length: Math.max(0, states - 1 - alone.length) }, (): Sizes => {
    // A log that was left behind loses its end while the next one is whole, or the newest one does.
    const log = logs[random.integer(logs.length)];
    return log === undefined ? {} : { [log.name]: log.synced + random.integer(log.size - log.synced + 1) };
  });
  return [all, ...alone, ...anywhere];
}

async function checkCut(store: string, sizes: Sizes, ledger: Ledger, checked: Checked): Promise<string[]> {
  for (const [name, size] of Object.entries(sizes)) truncateSync(join(store, name), size);
  if (ledger.space === undefined) return [];
  const { space } = ledger;
  const set = await onCopy(store, async (copy) => rawSet(await readRows(copy), space, checked));
  const before = ledger.breaches.length;
  ledger.found(set);
  const shown = await shownBy(store, space);
  if (shown.root !== set.root) ledger.breaches.push(`opens with root ${shown.root}, not ${set.root}`);
  if (shown.facts !== set.facts) ledger.breaches.push('opens with other facts than its runs hold');
  if (shown.assertions !== set.byId.size)
    ledger.breaches.push(`opens with ${shown.assertions} assertions, not ${set.byId.size}`);
  return ledger.breaches.splice(before);
}
