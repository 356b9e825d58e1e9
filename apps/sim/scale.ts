/**
 * `npm run sim -- --scale`: how long peers take to agree after a partition, and what it costs, by how
 * many they are. Half of them cannot reach the other half while both write; then everything heals.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Action } from '../../src/testing/sim/plan.ts';
import { type Outcome, simulate } from '../../src/testing/sim/simulation.ts';
import { lineChart } from '../bench/chart.ts';

const ASSERTIONS = 200;
const DIVIDED_FROM_MS = 5000;
const HEALED_MS = 30_000;

/** What was found for one number of peers. */
export interface Scale {
  readonly peers: number;
  readonly convergedMs: number;
  readonly bytes: number;
}

export async function measureScale(
  counts: readonly number[],
  seed: number,
  say: (line: string) => void,
): Promise<Scale[]> {
  const found: Scale[] = [];
  say('| peers | equal roots after the heal | bytes until then, all peers | bytes a peer | processor time |');
  say('|---|---|---|---|---|');
  for (const peers of counts) {
    const before = process.cpuUsage();
    const outcome = await simulate({
      ...{ seed, peers, rogues: 0, deeds: 0, assertions: ASSERTIONS, faults: 0 },
      faultsMs: HEALED_MS,
      plan: divided(peers),
    });
    const { user, system } = process.cpuUsage(before);
    say(row(peers, outcome, (user + system) / 1e6));
    const { convergedMs, convergenceBytes: bytes } = outcome;
    if (convergedMs !== undefined && bytes !== undefined) found.push({ peers, convergedMs, bytes });
  }
  return found;
}

/** `scale-time.svg` and `scale-bytes.svg`, both axes logarithmic. */
export async function writeScaleCharts(directory: string, found: readonly Scale[]): Promise<void> {
  const chart = (name: string, title: string, y: string, label: string, of: (scale: Scale) => number) => {
    const points = found.map((scale) => [scale.peers, of(scale)] as const);
    return writeFile(join(directory, name), lineChart({ title, x: 'peers', y, lines: [{ label, points }] }));
  };
  await chart(
    'scale-time.svg',
    'After a partition heals',
    's',
    's until equal',
    (each) => each.convergedMs / 1000,
  );
  await chart(
    'scale-bytes.svg',
    'After a partition heals',
    'KB',
    'KB a peer',
    (each) => each.bytes / each.peers / 1000,
  );
}

function divided(peers: number): Action[] {
  const side = Array.from({ length: peers }, (_, i) => i).filter((i) => i % 2 === 0);
  const writes = Array.from({ length: ASSERTIONS }, (_, i): Action => {
    const atMs = DIVIDED_FROM_MS + Math.floor(((HEALED_MS - DIVIDED_FROM_MS) * i) / ASSERTIONS);
    return { do: 'write', atMs, peer: (i * 7919) % peers, topic: i % 12, assertions: 1, settled: false };
  });
  return [{ do: 'divide', atMs: DIVIDED_FROM_MS, side, oneWay: false, forMs: HEALED_MS }, ...writes];
}

function row(peers: number, { breach, convergedMs, convergenceBytes }: Outcome, cpuSeconds: number): string {
  const took = `${Math.round(cpuSeconds)} s`;
  if (convergedMs === undefined || convergenceBytes === undefined)
    return `| ${peers} | ${breach?.rule} | | | ${took} |`;
  const all = `${(convergenceBytes / 1e6).toFixed(1)} MB`;
  const each = `${(convergenceBytes / peers / 1000).toFixed(0)} KB`;
  return `| ${peers} | ${(convergedMs / 1000).toFixed(1)} s | ${all} | ${each} | ${took} |`;
}
