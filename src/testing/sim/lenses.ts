/** What peers read at the end of a simulation: of all topics the same. */
import { bytesToHex } from '../../base/bytes.ts';
import { isAverError } from '../../base/errors.ts';
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

/** Whose disk is damaged may say that it cannot read, but tells of nothing anything else than the others do. */
export async function checkDamaged(
  { oracle, time, trace }: World,
  sound: Reader,
  damaged: readonly Reader[],
): Promise<void> {
  const tellAll = async (reader: Reader) => {
    const told = new Map<string, string>();
    for (const { subject, predicate } of QUESTIONS) {
      const facts = await factsOf(reader, subject, predicate).catch((error: unknown) => {
        if (!isAverError(error, 'STORE_CORRUPT')) throw error;
        trace.count('a lens met a damaged run');
        return [];
      });
      for (const fact of facts) told.set(`${fact.id} ${fact.index}`, factText(fact));
    }
    return told;
  };
  const all = Promise.all([sound, ...damaged].map(tellAll)).catch((error: unknown) => {
    oracle.fail('no unexpected error', `a damaged peer cannot be read: ${stackOf(error)}`);
    return [];
  });
  await time.advance(LENSES_MS);
  const [truth, ...told] = await all;
  for (const [i, facts] of told.entries()) {
    // What it alone has nobody else can tell.
    const wrong = [...facts].find(([place, fact]) => (truth?.get(place) ?? fact) !== fact)?.[1];
    if (wrong !== undefined) oracle.fail('nothing invalid is visible', `${damaged[i]?.name} tells ${wrong}`);
  }
}

const QUESTIONS = Array.from({ length: TOPICS }, (_, i) => `s${i}`).flatMap((subject) =>
  ['p0', 'p1'].map((predicate) => ({ subject, predicate })),
);

async function readAll(reader: Reader): Promise<string> {
  const texts: string[] = [];
  for (const { subject, predicate } of QUESTIONS)
    texts.push(
      `${subject} ${predicate}: ${(await factsOf(reader, subject, predicate)).map(factText).join()}`,
    );
  return texts.join('\n');
}

async function factsOf({ space }: Reader, subject: string, predicate: string): Promise<readonly Fact[]> {
  return (await space?.get(subject, predicate))?.candidates ?? [];
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
