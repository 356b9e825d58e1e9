/**
 * Damaged files: the newest log of LevelDB is cut at every offset, and bits flip in all files and in all parts of
 * tables. What is still sound survives, what is not is reported and never served, and a peer that has it gives it
 * again.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAverError } from '../../src/base/errors.ts';
import { repairDirectory } from '../../src/node-health.ts';
import type { Peer, Space } from '../../src/peer/api.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { FOOTER_BYTES, readTable } from '../../src/store/leveldb-table.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Hub, openSpace } from './peers.ts';
import { digestOf, type RawFact } from './raw-set.ts';
import { claimsOf } from './workload.ts';

export interface DamageReport {
  readonly file: string;
  readonly damage: string;
  /** `whole`, `less` (a part of it is shown), or the code of the error that says what is wrong. */
  readonly opened: string;
  /** Whether `aver repair` had to be run before it opened, or before all came back. */
  readonly repaired: boolean;
  /** Whether a peer that has everything gave it again. */
  readonly healed: boolean;
  /** The peer has another author key, as after a repair that cannot tell whether its tip was lost, or none of its spaces. */
  readonly forgot: boolean;
  readonly breaches: readonly string[];
}

export interface DamageOptions {
  /** Every so many offsets of the newest log; 1 for each. */
  readonly step: number;
  /** Bits to flip, drawn by chance, as many in each file. */
  readonly flips: number;
  /** Bits to flip in tables, as many in each part of one. */
  readonly tables: number;
  readonly seed: number;
  readonly onDamage?: (report: DamageReport) => void;
}

interface Original {
  readonly directory: string;
  readonly space: string;
  readonly author: string;
  readonly root: string;
  /** As `digestOf` takes them, one line each. */
  readonly facts: ReadonlySet<string>;
  readonly file: Uint8Array;
  readonly invite: string;
}

interface Damage {
  readonly file: string;
  readonly what: string;
  readonly apply: (bytes: Uint8Array) => Uint8Array;
}

/** So long a sync may take. */
const HEAL_MS = 3000;
/** So often it is looked whether it has, 50 ms apart. */
const HEAL_LOOKS = 60;
/** LevelDB's lock and its log of messages hold nothing. */
const EMPTY_FILES = /^(?:LOCK|LOG(?:\.old)?)$/;

export async function damageFiles(options: DamageOptions): Promise<DamageReport[]> {
  const place = mkdtempSync(join(tmpdir(), 'aver-damage-'));
  try {
    const original = await makeOriginal(join(place, 'original'));
    const reports: DamageReport[] = [];
    for (const damage of damagesTo(original.directory, options)) {
      const directory = join(place, 'damaged');
      cpSync(original.directory, join(directory, 'store'), { recursive: true });
      const path = join(directory, 'store', damage.file);
      writeFileSync(path, damage.apply(new Uint8Array(readFileSync(path))));
      const report = await look(directory, damage, original);
      rmSync(directory, { recursive: true, force: true });
      reports.push(report);
      options.onDamage?.(report);
    }
    return reports;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Several sessions, so that there are tables of many blocks and a log; another peer's facts among them. */
async function makeOriginal(directory: string): Promise<Original> {
  for (const session of [0, 1, 2]) {
    const hub = new Hub();
    const peer = await hub.start(await openLevelDb({ directory }));
    const { space } = await openSpace(peer);
    for (let i = 0; i < 6; i++) await space.assert(claimsOf(`put-${session}-0-${i}`));
    await space.assert(claimsOf(`bulk-${session}-0-0`));
    const neighbour = await hub.neighbour(peer, space);
    for (let i = 0; i < 3; i++) await neighbour.space.assert(claimsOf(`put-${session}-n-${i}`));
    await neighbour.space.settled({ replicas: 1, signal: AbortSignal.timeout(HEAL_MS) });
    await neighbour.peer.stop();
    await peer.stop();
  }
  const copy = `${directory}-read`;
  cpSync(directory, copy, { recursive: true });
  const peer = await new Hub().start(await openLevelDb({ directory: copy }));
  const { space } = await openSpace(peer);
  const { root, author } = await space.status();
  const facts = new Set((await Array.fromAsync(space.query())).map(lineOf));
  const file = Buffer.concat(await Array.fromAsync(space.export()));
  const invite = (await space.invite()).text;
  await peer.stop();
  rmSync(copy, { recursive: true, force: true });
  return { directory, space: space.id, author, root, facts, file, invite };
}

function lineOf(fact: RawFact): string {
  return digestOf([fact]);
}

function* damagesTo(directory: string, { step, flips, tables, seed }: DamageOptions): Iterable<Damage> {
  const names = readdirSync(directory).filter((name) => !EMPTY_FILES.test(name));
  const newest = names
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error('There is no log.');
  const size = readFileSync(join(directory, newest)).length;
  for (let at = 0; at < size; at += step) {
    yield { file: newest, what: `cut at ${at}`, apply: (bytes) => bytes.subarray(0, at) };
  }
  const random = new SeededRandom(seed);
  for (let i = 0; i < flips; i++) {
    // Each file as often as another, however small it is.
    const file = names[i % names.length] as string;
    const bit = random.integer(readFileSync(join(directory, file)).length * 8);
    yield { file, what: `bit ${bit} flipped`, apply: (bytes) => flipped(bytes, bit) };
  }
  const parts = names.filter((name) => name.endsWith('.ldb')).flatMap((name) => partsOf(directory, name));
  for (let i = 0; i < tables; i++) {
    const { file, part, from, to } = parts[i % parts.length] as TablePart;
    const bit = from * 8 + random.integer((to - from) * 8);
    yield { file, what: `bit ${bit} of its ${part} flipped`, apply: (bytes) => flipped(bytes, bit) };
  }
  for (const file of names) yield { file, what: 'empty', apply: () => new Uint8Array(0) };
}

interface TablePart {
  readonly file: string;
  readonly part: 'rows' | 'filter' | 'index' | 'footer';
  readonly from: number;
  readonly to: number;
}

function partsOf(directory: string, file: string): TablePart[] {
  const bytes = new Uint8Array(readFileSync(join(directory, file)));
  const { blocks, index } = readTable(bytes);
  const last = blocks.at(-1);
  if (last === undefined || index === undefined) throw new Error(`${file} is damaged already.`);
  const ends = [
    // With how it is compressed, and its checksum.
    ['rows', last.offset + last.length + 5],
    ['filter', index.offset],
    ['index', bytes.length - FOOTER_BYTES],
    ['footer', bytes.length],
  ] as const;
  return ends.map(([part, to], i) => ({ file, part, from: ends[i - 1]?.[1] ?? 0, to }));
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
  return changed;
}

/** Opens what is left as a person would: where the error says to repair, or something stays away, it is repaired. */
async function look(directory: string, damage: Damage, original: Original): Promise<DamageReport> {
  const breaches: string[] = [];
  let opened = '';
  let [repaired, healed, forgot] = [false, false, false];
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const seen = await openAndHeal(join(directory, 'store'), original, breaches);
      opened ||= seen.opened;
      ({ healed, forgot } = seen);
    } catch (error) {
      if (!isAverError(error)) breaches.push(`no error of ours: ${error}`);
      opened ||= isAverError(error) ? error.code : 'INTERNAL';
    }
    if (healed) break;
    if (attempt > 0) {
      breaches.push('not everything came back');
      break;
    }
    await repairDirectory(directory, {}).catch((cause: unknown) => void breaches.push(`repair: ${cause}`));
    repaired = true;
  }
  return { file: fileKind(damage.file), damage: damage.what, opened, repaired, healed, forgot, breaches };
}

function fileKind(name: string): string {
  return name.replace(/^\d+/, '*').replace(/-\d+$/, '');
}

async function openAndHeal(
  directory: string,
  original: Original,
  breaches: string[],
): Promise<Pick<DamageReport, 'opened' | 'healed' | 'forgot'>> {
  const hub = new Hub();
  const peer = await hub.start(await openLevelDb({ directory }));
  try {
    const hasSpace = (await peer.spaces()).some(({ id }) => id === original.space);
    const space = hasSpace ? await peer.open(original.space) : await peer.open(original.invite);
    const { root, author } = await space.status();
    const forgot = !hasSpace || author !== original.author;
    let opened = root === original.root ? 'whole' : 'less';
    try {
      for await (const fact of space.query())
        if (!original.facts.has(lineOf(fact)))
          breaches.push(`shows what nobody wrote: ${JSON.stringify(fact)}`);
    } catch (error) {
      if (!isAverError(error)) throw error;
      opened = error.code;
    }
    const healed = await heal(hub, peer, original, breaches);
    return { opened, healed, forgot };
  } finally {
    await peer.stop().catch((error: unknown) => {
      if (!isAverError(error)) breaches.push(`stopping: ${error}`);
    });
  }
}

/** A peer comes by that has nothing, and then everything. */
async function heal(hub: Hub, peer: Peer, original: Original, breaches: string[]): Promise<boolean> {
  const space = await peer.open(original.space);
  const neighbour = await hub.neighbour(peer, space);
  try {
    await neighbour.space.sync({ signal: AbortSignal.timeout(HEAL_MS) }).catch(() => undefined);
    for await (const fact of neighbour.space.query())
      if (!original.facts.has(lineOf(fact)))
        breaches.push(`served what nobody wrote: ${JSON.stringify(fact)}`);
    await neighbour.peer.import(chunks(original.file));
    // Counted, not timed: the process may be stopped meanwhile.
    for (let look = 0; look < HEAL_LOOKS; look++) {
      await space.sync({ signal: AbortSignal.timeout(HEAL_MS) }).catch(() => undefined);
      if (await isWhole(space, original)) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  } finally {
    await neighbour.peer.stop();
  }
}

/** Its own chain may go on under a new key by then, so there may be more. */
async function isWhole(space: Space, original: Original): Promise<boolean> {
  const facts = await Array.fromAsync(space.query()).catch(() => []);
  return facts.length === original.facts.size && facts.every((fact) => original.facts.has(lineOf(fact)));
}

async function* chunks(file: Uint8Array): AsyncIterable<Uint8Array> {
  yield file;
}
