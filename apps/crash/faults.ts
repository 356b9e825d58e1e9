/** Each call of a scripted run that writes fails once, one in each run: at the port, or at the disk. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AverError } from '../../src/base/errors.ts';
import type { Store } from '../../src/base/ports.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { buildFailingDisk, CALLS, type Call, failingDisk, readRecord } from './failing-disk.ts';
import { Ledger } from './ledger.ts';
import { onCopy, readRows } from './raw-rows.ts';
import { rawSet } from './raw-set.ts';
import { runScript } from './script.ts';
import { shownBy } from './shown.ts';
import type { Said } from './writer.ts';

export interface FaultReport {
  readonly call: Call | 'port';
  readonly nth: number;
  /** Codes of what failed; none where it was done again out of sight. */
  readonly codes: readonly string[];
  readonly breaches: readonly string[];
}

type OnFault = (report: FaultReport) => void;

/** A scripted run has fewer calls of each kind. */
const NTH_MAX = 1000;

/** The Store port fails. Resolves when a run came to its end without meeting the failure. */
export async function failPort(onFault: OnFault): Promise<void> {
  await eachNth('port', onFault, async (directory, nth, ledger) => {
    const counter = { left: nth };
    const openStore = async () => failingStore(await openLevelDb({ directory }), counter);
    const codes = await runScript({ openStore, say: (said) => ledger.heard(said) });
    return { codes, hasFailed: counter.left <= 0 };
  });
}

/** LevelDB's calls of the system fail. False where that cannot be had. */
export async function failDisk(onFault: OnFault, calls: readonly Call[] = CALLS): Promise<boolean> {
  const place = mkdtempSync(join(tmpdir(), 'aver-faults-'));
  try {
    const library = buildFailingDisk(place);
    if (library === undefined) return false;
    for (const call of calls) {
      await eachNth(call, onFault, async (directory, nth, ledger) => {
        const record = join(place, 'record');
        rmSync(record, { force: true });
        const disk = failingDisk({ library, path: directory, record, failure: { call, nth } });
        const codes = scriptInProcess(directory, disk, ledger);
        return { codes, hasFailed: readRecord(record).hasFailed };
      });
    }
    return true;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

interface Ran {
  readonly codes: readonly string[];
  readonly hasFailed: boolean;
}

async function eachNth(
  call: Call | 'port',
  onFault: OnFault,
  run: (directory: string, nth: number, ledger: Ledger) => Promise<Ran>,
): Promise<void> {
  for (let nth = 1; nth < NTH_MAX; nth++) {
    const place = mkdtempSync(join(tmpdir(), 'aver-fault-'));
    const directory = join(place, 'store');
    const ledger = new Ledger();
    let ran: Ran = { codes: [], hasFailed: true };
    try {
      ran = await run(directory, nth, ledger).catch((error: unknown) => {
        ledger.breaches.push(String(error));
        return ran;
      });
      await check(directory, ledger);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
    if (!ran.hasFailed) return;
    onFault({ call, nth, codes: ran.codes, breaches: ledger.breaches });
  }
}

/** Opens what is left, on a disk that works. */
async function check(directory: string, ledger: Ledger): Promise<void> {
  const { space } = ledger;
  if (space === undefined) return;
  const set = await onCopy(directory, async (copy) => rawSet(await readRows(copy), space));
  ledger.found(set);
  const shown = await shownBy(directory, space).catch((error: unknown) => String(error));
  if (typeof shown === 'string') ledger.breaches.push(shown);
  else if (shown.root !== set.root || shown.facts !== set.facts || shown.assertions !== set.byId.size)
    ledger.breaches.push('opens with something else than its runs hold');
}

function failingStore(store: Store, counter: { left: number }): Store {
  const mayFail = (): void => {
    if (--counter.left === 0) throw new AverError('STORE_FAILED', 'The harness made a write fail.');
  };
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    range: (range) => store.range(range),
    close: () => store.close(),
    write: async (batch, options) => {
      mayFail();
      return store.write(batch, options);
    },
    flush: async () => {
      mayFail();
      return store.flush();
    },
  };
}

function scriptInProcess(directory: string, disk: Record<string, string>, ledger: Ledger): string[] {
  const main = fileURLToPath(new URL('script-process.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, directory],
    { env: { ...process.env, ...disk }, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  let codes: string[] = [];
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const said = JSON.parse(line) as Said | { type: 'codes'; codes: string[] };
    if (said.type === 'codes') codes = said.codes;
    else ledger.heard(said);
  }
  if (status !== 0) ledger.breaches.push(stderr.slice(-700));
  return codes;
}
