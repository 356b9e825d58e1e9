/**
 * Hostile bytes: sound encodings, spoiled in every way, into every decoder. What fails is fed again by
 * `npm run fuzz -- --only <target> --input <hex>`; another seed by AVER_FUZZ_SEED (docs/fuzzing.md).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadFastHash } from '../../src/base/hash.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { CRASHES, kept } from './corpus.ts';
import { mutate } from './mutate.ts';
import { feed, fuzz, inputsOf, liveBytes, newReport, type Report, type Slow } from './run.ts';
import { targets } from './targets/index.ts';

const INPUTS = 100_000;
const GROWTH_MAX = 64 * 1024 * 1024;
const seed = Number(process.env.AVER_FUZZ_SEED ?? 1);
const total: { inputs: number; slowest: Slow | undefined } = { inputs: 0, slowest: undefined };
let before = 0;
const rejected: unknown[] = [];
const onRejection = (error: unknown) => rejected.push(error);

beforeAll(async () => {
  await loadFastHash();
  process.on('unhandledRejection', onRejection);
  before = liveBytes();
});
afterAll(() => process.off('unhandledRejection', onRejection));

function described({ crashes, slowest }: Report): object {
  const hex = (input: Uint8Array) => Buffer.from(input).toString('hex');
  return {
    crashes: crashes.slice(0, 3).map(({ why, input }) => ({ why, input: hex(input), seed })),
    tooSlow: slowest?.isTooSlow ? [{ cpuMs: slowest.cpuMs, input: hex(slowest.input), seed }] : [],
  };
}

test.each(targets)(
  '$name: whatever comes is decoded canonically or refused with a code, in little time [STS-07] [STS-18] [STC-13]',
  { timeout: 120_000 },
  async (target) => {
    const report = newReport();
    for (const crash of kept(CRASHES, target)) await feed(target, crash, report);
    await fuzz(target, inputsOf(target, targets, INPUTS), seed, report);
    total.inputs += report.inputs;
    if ((report.slowest?.cpuMs ?? 0) > (total.slowest?.cpuMs ?? 0)) total.slowest = report.slowest;
    expect(described(report)).toEqual({ crashes: [], tooSlow: [] });
  },
);

test('after all of it nothing was rejected unseen, and no memory is kept', () => {
  const { slowest } = total;
  const what =
    slowest && `${slowest.cpuMs.toFixed(1)} ms for ${slowest.input.length} bytes of ${slowest.target}`;
  console.info(`seed ${seed}: ${total.inputs} inputs, the slowest took ${what ?? 'less than 10 ms'}`);
  expect(rejected).toEqual([]);
  expect(total.inputs).toBeGreaterThanOrEqual(INPUTS);
  expect(liveBytes() - before).toBeLessThan(GROWTH_MAX);
});

test('a seed gives the same inputs again', () => {
  const inputs = (from: number) => {
    const random = new SeededRandom(from);
    const pool = [Uint8Array.of(0x82, 1, 0x43, 1, 2, 3)];
    return Array.from({ length: 200 }, () => mutate(pool[0] as Uint8Array, random, pool));
  };
  expect(inputs(seed)).toEqual(inputs(seed));
  expect(inputs(seed)).not.toEqual(inputs(seed + 1));
});

test('a decoder that throws, or that takes two encodings for one value, is found', async () => {
  const report = newReport();
  const sound = () => [Uint8Array.of(1, 2, 3)];
  const clumsy = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint16(2);
  await fuzz(
    { name: 'clumsy', kind: 'bytes', sound, decode: (b) => void clumsy(b.slice()) },
    100,
    seed,
    report,
  );
  await fuzz({ name: 'lenient', kind: 'bytes', sound, decode: (b) => b.subarray(0, 3) }, 100, seed, report);
  const found = report.crashes.map(({ target, why }) => [target, why.slice(0, 10)].join());
  expect(found).toEqual(expect.arrayContaining(['clumsy,RangeError', 'lenient,not canoni']));
});
