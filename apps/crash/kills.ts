/** Writers that are killed again and again, on one data directory until another one is taken. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { POINTS } from './deadly-store.ts';
import { Ledger } from './ledger.ts';
import { onCopy, readRows } from './raw-rows.ts';
import { type Checked, rawSet } from './raw-set.ts';
import { type Death, FILE_EVENTS, type FileEvent, live } from './victim.ts';
import type { Mix } from './writer.ts';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onLife?: (report: LifeReport) => void;
}

export interface LifeReport {
  readonly life: number;
  readonly at: string;
  readonly openMs: number | undefined;
  readonly acknowledged: number;
  readonly assertions: number;
  readonly breaches: readonly string[];
}

/** A fresh directory after so many lives, so that checking one costs about the same all along. */
const LIVES_EACH = 20;

const PLACES = [...POINTS, ...(Object.keys(FILE_EVENTS) as FileEvent[]), 'any time', 'any time'] as const;

/** Where the nth writer dies: every place in its turn, some of them early and some late. */
function deathOf(life: number, random: SeededRandom): Death {
  const at = PLACES[life % PLACES.length] as (typeof PLACES)[number];
  if (at === 'any time') return { at, afterMs: random.integer(random.integer(4) === 0 ? 1500 : 300) };
  if (/open|clos/.test(at)) return { at, nth: 1 } as Death;
  if (at in FILE_EVENTS) return { at, nth: 1 + random.integer(4) } as Death;
  return { at, nth: 1 + random.integer(random.integer(3) === 0 ? 60 : 8) } as Death;
}

/** Resolves with what was seen of each life; those with breaches are what to look at. */
export async function killWriters({ kills, seed, onLife }: KillOptions): Promise<LifeReport[]> {
  const random = new SeededRandom(seed);
  const reports: LifeReport[] = [];
  while (reports.length < kills) {
    const directory = mkdtempSync(join(tmpdir(), 'aver-crash-'));
    const ledger = new Ledger();
    const checked: Checked = new Map();
    try {
      for (let i = 0; i <= LIVES_EACH && reports.length < kills; i++) {
        // The last life of a directory ends well: it shows what the kills before it left.
        const isLast = i === LIVES_EACH || reports.length === kills - 1;
        const death: Death = isLast ? { at: 'no', afterMs: 50 } : deathOf(reports.length + seed, random);
        const report = await oneLife(directory, reports.length, death, random, ledger, checked);
        reports.push(report);
        onLife?.(report);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return reports;
}

async function oneLife(
  directory: string,
  life: number,
  death: Death,
  random: SeededRandom,
  ledger: Ledger,
  checked: Checked,
): Promise<LifeReport> {
  // LevelDB changes its files in the middle of the work, and not only when it opens, after 4 MiB.
  const mixes: Mix[] =
    death.at in FILE_EVENTS ? ['large', 'foreign', 'small'] : ['small', 'small', 'small', 'foreign', 'large'];
  const mix = mixes[random.integer(mixes.length)] as Mix;
  const seen = await live({ directory, life, death, mix, heard: (said) => ledger.heard(said) });
  const breaches = ledger.breaches.splice(0);
  if (!seen.killed && death.at !== 'no' && !/clos/.test(death.at))
    breaches.push(`the writer ended by itself: ${seen.stderr.slice(-500)}`);
  let assertions = 0;
  if (ledger.space !== undefined) {
    const { space } = ledger;
    const set = await onCopy(join(directory, 'store'), async (copy) =>
      rawSet(await readRows(copy), space, checked),
    );
    ledger.found(set);
    breaches.push(...ledger.breaches.splice(0));
    assertions = set.byId.size;
  }
  return { life, at: death.at, openMs: seen.openMs, acknowledged: ledger.acknowledged, assertions, breaches };
}
