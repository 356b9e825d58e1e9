/** Independent chances from one seed: what one part of a simulation draws does not shift another's. */
import { SeededRandom } from '../seeded-random.ts';

/** The generator of one part, named by `parts`. */
export function randomOf(seed: number, ...parts: readonly (string | number)[]): SeededRandom {
  let state = seed | 0;
  for (const char of parts.join('/')) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  return new SeededRandom(state);
}
