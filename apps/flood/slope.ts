/** Whether a series goes on growing: least squares over its second half, when start-up is over. */

export interface Slope {
  /** Mean of the second half. */
  readonly mean: number;
  /** By how much the fitted line rises within the second half. */
  readonly growth: number;
  readonly perMinute: number;
  readonly tolerance: number;
  readonly isFlat: boolean;
}

/** What a series may rise within the second half: a share of its mean, but at least a floor, which is noise. */
export interface Tolerance {
  readonly share: number;
  readonly floor: number;
}

export function slopeOf(
  series: readonly { readonly atMs: number; readonly value: number }[],
  { share, floor }: Tolerance,
): Slope {
  const half = series.slice(Math.floor(series.length / 2));
  const meanMs = half.reduce((sum, { atMs }) => sum + atMs, 0) / half.length;
  const mean = half.reduce((sum, { value }) => sum + value, 0) / half.length;
  let above = 0;
  let below = 0;
  for (const { atMs, value } of half) {
    above += (atMs - meanMs) * (value - mean);
    below += (atMs - meanMs) ** 2;
  }
  const perMs = below === 0 ? 0 : above / below;
  const spanMs = (half.at(-1)?.atMs ?? 0) - (half[0]?.atMs ?? 0);
  const tolerance = Math.max(floor, share * mean);
  const growth = perMs * spanMs;
  return { mean, growth, perMinute: perMs * 60_000, tolerance, isFlat: growth <= tolerance };
}
