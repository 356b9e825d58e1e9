/** What peers read at the end of a simulation: of all topics the same. */
import { bytesToHex } from '../../base/bytes.ts';
import type { Fact, Space } from '../../peer/api.ts';
import { TOPICS } from './plan.ts';
import type { SimPeer, World } from './sim-peer.ts';
import { stackOf } from './stack.ts';

/** Reading all topics takes less. */
const LENSES_MS = 5000;

interface Reader {
  readonly name: string;
  /** Of all the same. */
  readonly space: Space | undefined;
}

export async function compareLenses({ oracle, time }: World, peers: readonly Reader[]): Promise<void> {
  if (peers.length === 0) return;
  const told = Promise.all(peers.map(readAll)).catch((error: unknown) => {
    oracle.fail('no unexpected error', `a lens cannot be read: ${stackOf(error)}`);
    return [];
  });
  await time.advance(LENSES_MS);
  const texts = await told;
  const other = texts.findIndex((text) => text !== texts[0]);
  if (other > 0) oracle.fail('lenses agree', `${peers[other]?.name} and ${peers[0]?.name} differ`);
}

async function readAll({ space }: Reader): Promise<string> {
  const texts: string[] = [];
  for (let topic = 0; topic < TOPICS; topic++) {
    for (const predicate of ['p0', 'p1']) {
      const resolution = await space?.get(`s${topic}`, predicate);
      texts.push(`s${topic} ${predicate}: ${(resolution?.candidates ?? []).map(factText).join()}`);
    }
  }
  return texts.join('\n');
}

function factText({ id, index, object }: Fact): string {
  return `${id} ${index} ${String(object)}`;
}

/** Authors of whom the peer holds several branches. */
export function forkedAuthors(peer: SimPeer | undefined): number {
  const tips = new Map<string, number>();
  for (const entry of peer?.space?.replica.frontier.trie.entries() ?? []) {
    const author = bytesToHex(entry.author);
    tips.set(author, (tips.get(author) ?? 0) + 1);
  }
  return [...tips.values()].filter((count) => count > 1).length;
}
