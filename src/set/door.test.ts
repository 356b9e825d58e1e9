import { ed25519 } from '@noble/curves/ed25519.js';
import { beforeAll, expect, test } from 'vitest';
import { isAuthorKey, isNewAuthorKey } from '../assertion/ed25519.ts';
import type { Run } from '../assertion/model.ts';
import { u32Bytes } from '../base/bytes.ts';
import { blake3, loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { checkInTurns } from './door.ts';

beforeAll(loadFastHash);

/** Runs of as many authors that were never seen. */
function strangers(count: number, from: number): Run[] {
  return Array.from({ length: count }, (_, i) => {
    const author = ed25519.getPublicKey(blake3(u32Bytes(from + i)));
    return { author, assertions: [], signature: new Uint8Array(64) };
  });
}

/** What was done in which order: `key` for a look at a new key, `turn` where other work had its turn. */
async function lookAt(runs: readonly Run[]): Promise<string[]> {
  const done: string[] = [];
  const breathe = async () => void done.push('turn');
  const clock = { nowMs: () => 0, setTimer: () => () => undefined, breathe };
  const passed = await checkInTurns(runs, clock, async ({ author }) => {
    if (isNewAuthorKey(author)) done.push('key');
    return isAuthorKey(nodeCrypto(), author);
  });
  expect(passed).toEqual(runs.map(() => true));
  return done;
}

test('a flood of new author keys is looked at a few at a time, with turns for other work between [ICG-48]', async () => {
  const done = await lookAt(strangers(100, 0));
  expect(done.filter((each) => each === 'key')).toHaveLength(100);
  const between = done.join(' ').split('turn');
  for (const keys of between)
    expect(keys.trim().split(' ').length).toBeLessThanOrEqual(limits.authorKeysPerTurnMax);
});

test('known authors, and a handful of new ones, cost no turn', async () => {
  const runs = strangers(limits.authorKeysPerTurnMax, 1000);
  expect(await lookAt(runs)).not.toContain('turn');
  const known = [...runs, ...runs, ...runs];
  expect(await lookAt(known)).toEqual([]);
});

test('a flood of forged runs writes one line to the log, and fills a tenth of the quarantine [ICM-29]', async () => {
  const space = testSpace();
  const { replica, logged } = await openTestReplica(space, nodeCrypto());
  const author = await TestAuthor.create(space, nodeCrypto(), 1);
  const forged: Run[] = [];
  for (let n = 0; n < 300; n++) {
    const run = await author.run([author.next(undefined, { payload: u32Bytes(n) })]);
    forged.push({ ...run, signature: run.signature.with(3, 1 ^ (run.signature[3] as number)) });
  }
  const report = await replica.ingest(forged, { from: 'liar', via: 'push' });
  expect(report.refused).toBe(300);
  expect(logged.filter(({ message }) => message === 'refused a run')).toHaveLength(1);
  expect(replica.quarantine.count()).toBe(limits.quarantineMax * limits.quarantineShareMax);
});
