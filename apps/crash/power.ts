/**
 * Power cuts: a writer is killed, and of each log of LevelDB what was not synced is cut off, from none
 * to all of it. What was acknowledged, and all that it builds on, has to be there.
 */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
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
  /** Pages in the midst of what was not synced are lost, too: see docs/crashes.md for what that does. */
  readonly holes?: boolean;
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
      const report = await oneCut(library, directory, cut, options, random);
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
  options: PowerOptions,
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
  for (const losses of lossesOf(logs, options, random)) {
    const breaches = await onCopy(store, (copy) => checkCut(copy, losses, ledger, checked));
    tried++;
    if (breaches.length === 0) continue;
    ledger.breaches.push(`without ${JSON.stringify(losses)}: ${breaches.slice(0, 5).join('; ')}`);
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

/** What a log lost: everything from an offset on, or with `to` a page of it, which reads as zeros. */
interface Loss {
  readonly log: string;
  readonly from: number;
  readonly to?: number;
}

const PAGE_BYTES = 4096;

/** All that was not synced is gone; each log loses it alone; and up to any place, drawn by chance. */
function lossesOf(
  logs: readonly Log[],
  { states, holes = false }: PowerOptions,
  random: SeededRandom,
): Loss[][] {
  const alone = logs.map(({ name, synced }): Loss[] => [{ log: name, from: synced }]);
  const anywhere = Array.from({ length: Math.max(0, states - 1 - alone.length) }, (): Loss[] => {
    // A log that was left behind loses its end while the next one is whole, or the newest one does.
    const log = logs[random.integer(logs.length)];
    if (log === undefined) return [];
    const from = log.synced + random.integer(log.size - log.synced + 1);
    if (!holes) return [{ log: log.name, from }];
    const page = Math.max(log.synced, from - (from % PAGE_BYTES));
    return [{ log: log.name, from: page, to: Math.min(log.size, page + PAGE_BYTES) }];
  });
  return [alone.flat(), ...alone, ...anywhere];
}

function lose(store: string, { log, from, to }: Loss): void {
  const path = join(store, log);
  if (to === undefined) truncateSync(path, from);
  else writeFileSync(path, new Uint8Array(readFileSync(path)).fill(0, from, to));
}

async function checkCut(
  store: string,
  losses: readonly Loss[],
  ledger: Ledger,
  checked: Checked,
): Promise<string[]> {
  for (const loss of losses) lose(store, loss);
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
