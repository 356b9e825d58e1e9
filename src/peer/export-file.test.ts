import { beforeEach, describe, expect, it, vi } from 'vitest';
import { firstOf, lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { concatBytes, u32Bytes, utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import type { Crypto } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import type { Replica } from '../set/replica.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { exportFile, importFile } from './export-file.ts';

const crypto: Crypto = nodeCrypto();
const space = testSpace();
let runs: Run[];
let target: Replica;
let counted: (name: string, labels: Record<string, string>) => number;

beforeEach(async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const chain = author.chain(6);
  runs = [];
  for (let at = 0; at < 6; at += 2) runs.push(await author.run(chain.slice(at, at + 2)));
  const opened = await openTestReplica(space, crypto);
  target = opened.replica;
  counted = (name, labels) => opened.metrics.value(name, labels);
});

const frame = (bytes: Uint8Array) => concatBytes(u32Bytes(bytes.length), bytes);

interface Parts {
  readonly head?: Uint8Array;
  readonly runs?: readonly Uint8Array[];
  readonly count?: number;
  readonly root?: Uint8Array;
  readonly foot?: Uint8Array;
  readonly after?: Uint8Array;
}

/** A file of the three runs, with the given parts replaced. */
async function fileOf(parts: Parts): Promise<Uint8Array> {
  const source = (await openTestReplica(space, crypto)).replica;
  await source.ingest(runs, { from: 'x', via: 'pull' });
  const head = new CborWriter().array(3).uint(1).bytes(space.genesisBytes).null().finish();
  const { count = 6, root = source.frontier.root() } = parts;
  return concatBytes(
    utf8('AVER1\n'),
    frame(parts.head ?? head),
    ...(parts.runs ?? runs.map(encodeRun)).map(frame),
    frame(new Uint8Array(0)),
    frame(parts.foot ?? new CborWriter().array(2).uint(count).bytes(root).finish()),
    parts.after ?? new Uint8Array(0),
  );
}

async function take(parts: Parts): ReturnType<typeof importFile> {
  const file = await fileOf(parts);
  return importFile(
    (async function* () {
      yield file;
    })(),
    async () => target,
  );
}

describe('an export file', () => {
  it('is what an export writes', async () => {
    await take({});
    expect(target.count).toBe(6);
    const again = await Array.fromAsync(exportFile(target));
    expect(concatBytes(...again)).toEqual(await fileOf({}));
  });

  const flipped = (run: Run): Uint8Array =>
    encodeRun({ ...run, signature: run.signature.with(3, 1 + (run.signature[3] as number)) });
  const damaged = (run: Run): Uint8Array => encodeRun(run).subarray(0, -1);

  it.each<[string, string, number, () => Parts]>([
    ['with another root than its runs have', 'BAD_HASH', 6, () => ({ root: new Uint8Array(32) })],
    ['with fewer assertions than it names', 'BAD_INPUT', 6, () => ({ count: 7 })],
    ['without its last run', 'BAD_INPUT', 4, () => ({ runs: runs.slice(0, 2).map(encodeRun) })],
    ['with a damaged foot', 'BAD_ENCODING', 6, () => ({ foot: Uint8Array.of(0xff) })],
    ['with a second foot', 'BAD_INPUT', 6, () => ({ after: frame(Uint8Array.of(1)) })],
    ['with a frame larger than a run', 'BAD_INPUT', 6, () => ({ after: u32Bytes(1 << 30) })],
    ['with a damaged head', 'BAD_ENCODING', 0, () => ({ head: Uint8Array.of(0x83) })],
    [
      'with a damaged run',
      'BAD_ENCODING',
      2,
      () => ({ runs: runs.map((run, i) => (i === 1 ? damaged(run) : encodeRun(run))) }),
    ],
    [
      'with a run that nobody signed',
      'UNSIGNED_TAIL',
      2,
      () => ({
        runs: runs.map((run, i) => encodeRun(i === 1 ? { ...run, signature: new Uint8Array(0) } : run)),
      }),
    ],
  ])('%s is refused with %s, and what was sound before stays', async (_, code, kept, parts) => {
    await expect(take(parts())).rejects.toMatchObject({ code });
    expect(target.count).toBe(kept);
  });

  it('that comes a byte at a time is not copied anew with each', async () => {
    const file = concatBytes(utf8('AVER1\n'), u32Bytes(60_000), new Uint8Array(60_000));
    const set = vi.spyOn(Uint8Array.prototype, 'set');
    let copied = 0;
    try {
      const drops = (async function* () {
        for (let at = 0; at < file.length; at++) yield file.subarray(at, at + 1);
      })();
      await importFile(drops, async () => target).catch(() => undefined);
      for (const [bytes] of set.mock.calls) copied += bytes.length;
    } finally {
      set.mockRestore();
    }
    expect(copied).toBeLessThan(200 * file.length);
  });

  it('names the run that is damaged', async () => {
    const taking = take({ runs: runs.map((run, i) => (i === 1 ? damaged(run) : encodeRun(run))) });
    await expect(taking).rejects.toMatchObject({
      message: expect.stringContaining('Run 2'),
      fields: { run: 2 },
    });
  });

  it('with a forged run brings the others, and says why that one was refused', async () => {
    const { report } = await take({ runs: [encodeRun(runs[0] as Run), flipped(runs[1] as Run)], count: 4 });
    expect(report).toMatchObject({ accepted: 2, refused: 2, refusals: [{ code: 'BAD_SIGNATURE' }] });
    expect(counted('assertions_refused', { code: 'BAD_SIGNATURE' })).toBe(2);
    expect(await target.has(lastOf(runs[0] as Run).id)).toBe(true);
    expect(await target.has(firstOf(runs[1] as Run).id)).toBe(false);
  });
});
