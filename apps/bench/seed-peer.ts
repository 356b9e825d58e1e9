/** Fills a peer's directory before it starts: by the import of an export file, as anybody could. */
import type { Run } from '../../src/assertion/model.ts';
import { encodeRun } from '../../src/assertion/run-codec.ts';
import { concatBytes, u32Bytes, utf8 } from '../../src/base/bytes.ts';
import { CborWriter } from '../../src/base/cbor.ts';
import { scoped } from '../../src/base/scoped.ts';
import { createPeer } from '../../src/node.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { Trie } from '../../src/set/trie.ts';
import { testSpace } from '../../src/testing/chains.ts';
import { type Plan, Writers } from './writers.ts';

/** A new space in the directory with what the plan says. */
export async function seedPeer(directory: string, plan: Plan): Promise<void> {
  const space = testSpace({ name: 'bench', nonce: crypto.getRandomValues(new Uint8Array(16)) });
  const writers = await Writers.create(space, plan.authors);
  await scoped(await createPeer({ directory, listen: false }), async (peer) => {
    const { accepted } = await peer.import(exportFile(space, writers, plan));
    if (accepted !== plan.assertions) throw new Error(`The peer took ${accepted} of ${plan.assertions}.`);
  });
}

/** docs/protocol.md, 11. */
async function* exportFile(space: SpaceIdentity, writers: Writers, plan: Plan): AsyncIterable<Uint8Array> {
  const head = new CborWriter().array(3).uint(1).bytes(space.genesisBytes).null().finish();
  yield concatBytes(utf8('AVER1\n'), frame(head));
  for await (const run of writers.runs(plan)) yield frame(encodeRun(run as Run));
  const { root } = Trie.of(writers.tips());
  const foot = new CborWriter().array(2).uint(plan.assertions).bytes(root).finish();
  yield concatBytes(frame(new Uint8Array(0)), frame(foot));
}

function frame(bytes: Uint8Array): Uint8Array {
  return concatBytes(u32Bytes(bytes.length), bytes);
}
