/** What a benchmark measures: figures, each beside the physical limit that was measured in the same run. */

/** Median of several takes, with the lowest and the highest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: Spread;
  /** The limit, measured in the same run, and the figure as a multiple of it. */
  readonly limit?: { readonly name: string; readonly value: Spread; readonly ratio: Spread };
}

export interface Section {
  readonly bench: string;
  readonly about: string;
  readonly figures: readonly Figure[];
}

/** One take of a figure: its value, and the value of its limit taken right before or after. */
export interface Take {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly limit?: readonly [name: string, value: number];
}

/** Merges the takes of several rounds, figure by figure, in the order in which they first came. */
export function mergeTakes(takes: readonly Take[]): Figure[] {
  const groups = Map.groupBy(takes, ({ name, limit }) => `${name}\n${limit?.[0] ?? ''}`);
  return [...groups.values()].map((group) => {
    const { name, unit, limit } = group[0] as Take;
    const value = spreadOf(group.map((take) => take.value));
    if (limit === undefined) return { name, unit, value };
    const limits = group.map((take) => take.limit?.[1] ?? Number.NaN);
    const ratio = spreadOf(group.map((take, i) => take.value / (limits[i] as number)));
    return { name, unit, value, limit: { name: limit[0], value: spreadOf(limits), ratio } };
  });
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** Of ascending values, between the two nearest. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** p50 and p99 of unsorted values. */
export function percentiles(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}
