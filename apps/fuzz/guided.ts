/** A long run: inputs that reach new places are kept and spoiled further. */
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { CRASHES, keep, kept, REACHED } from './corpus.ts';
import type { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { feed, newReport, type Report } from './run.ts';
import type { Target } from './target.ts';

/** Inputs between two looks at the coverage: a look costs about as much as fifty inputs. */
const BATCH = 50;
/** Inputs that one target keeps in mind; beyond it the oldest that was found goes. */
const POOL_MAX = 2000;

export interface Hunt {
  readonly target: Target;
  readonly report: Report;
  readonly pool: Uint8Array[];
  /** Inputs that reached something new. */
  found: number;
}

export async function newHunt(target: Target, seed: number): Promise<Hunt> {
  const sound = await target.sound(seed);
  const pool = [...sound, ...kept(CRASHES, target), ...kept(REACHED, target)];
  return { target, report: newReport(), pool, found: 0 };
}

/** What is known already is fed first, so that only what is new counts. */
export async function warmUp({ target, pool, report }: Hunt, coverage: Coverage): Promise<void> {
  for (const input of pool) await feed(target, input, report);
  coverage.fresh(coverage.look(), true);
}

/** One batch. */
export async function hunt(hunt: Hunt, coverage: Coverage, random: SeededRandom): Promise<void> {
  const { target, pool, report } = hunt;
  const inputs = Array.from({ length: BATCH }, () => {
    // What was found last leads further most often.
    const late = random.integer(2) === 0 ? Math.max(0, pool.length - 1 - random.integer(50)) : undefined;
    const from = pool[late ?? random.integer(pool.length)] as Uint8Array;
    return mutate(from, random, pool, target.kind);
  });
  for (const input of inputs) await feed(target, input, report);
  const all = coverage.look();
  if (coverage.fresh(all, false) === 0) return;
  for (const input of inputs) {
    await feed(target, input, newReport());
    if (coverage.fresh(coverage.look(), true) === 0) continue;
    hunt.found++;
    keep(REACHED, target, input);
    pool.push(input);
    if (pool.length > POOL_MAX) pool.splice(0, 1);
  }
  // What only happens the first time.
  coverage.fresh(all, true);
}
