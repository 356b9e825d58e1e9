/**
 * Classes of peers, by how far they are trusted and how they have behaved: what one peer may have of
 * another while others want it too (docs/decisions/0010-fair-queue.md). Pure.
 */
import { classLimits, limits, type TrustClass } from '../base/limits.ts';

const HIGHEST_FIRST: readonly TrustClass[] = ['federated', 'partner', 'known'];

/**
 * The class of a peer with this trust (0 to 1) and local standing (0 to 100). Lost standing takes its
 * share of the trust; who has lost half of it is served as a stranger.
 */
export function classOf(trust: number, standing: number): TrustClass {
  if (standing < limits.standingIsolatedBelow) return 'isolated';
  const worth = trust * Math.min(1, standing / limits.standingStart);
  return HIGHEST_FIRST.find((name) => worth >= classLimits[name].trustMin) ?? 'isolated';
}
