/** What a benchmark measures: figures, each beside the physical limit that was measured in the same run. */

/** Median of several takes, with the lowest and the highest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What a figure has to reach: its value, or its multiple of the limit. */
export interface Bar {
  readonly op: '<=' | '>=';
  readonly than: number;
  readonly on: 'value' | 'ratio';
}

export interface Verdict extends Bar {
  readonly met: boolean;
  /** How many times better it would have to be; absent where it is met. */
  readonly missedBy?: number;
}

export interface Figure {
  /** What was measured, where several things are measured in the same ways: a row of a table. */
  readonly of?: string;
  readonly name: string;
  readonly unit: string;
  readonly value: Spread;
  /** The limit, measured in the same run, and the figure as a multiple of it. */
  readonly limit?: { readonly name: string; readonly value: Spread; readonly ratio: Spread };
  readonly bar?: Verdict;
}

export interface Section {
  readonly bench: string;
  readonly about: string;
  /** Processes that wanted a core in the minute before, and in the last one of it: of others, if few were started. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly figures: readonly Figure[];
}

/** One take of a figure: its value, and the value of its limit taken right before or after. */
export interface Take {
  readonly of?: string;
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly limit?: readonly [name: string, value: number];
  readonly bar?: Bar | undefined;
}

/** No bar where there is nothing to reach. */
export function atMost(than: number | undefined, on: Bar['on'] = 'value'): Bar | undefined {
  return than === undefined ? undefined : { op: '<=', than, on };
}

export function atLeast(than: number | undefined, on: Bar['on'] = 'value'): Bar | undefined {
  return than === undefined ? undefined : { op: '>=', than, on };
}

/** Merges the takes of several rounds, figure by figure, in the order in which they first came. */
export function mergeTakes(takes: readonly Take[]): Figure[] {
  const groups = Map.groupBy(takes, ({ of, name, limit }) => [of, name, limit?.[0]].join('\n'));
  return [...groups.values()].map(mergeGroup);
}

function mergeGroup(group: readonly Take[]): Figure {
  const { of, name, unit, limit, bar } = group[0] as Take;
  const value = spreadOf(group.map((take) => take.value));
  const figure = { ...(of === undefined ? {} : { of }), name, unit, value };
  if (limit === undefined) return { ...figure, ...(bar && { bar: judge(bar, value.median) }) };
  const limits = group.map((take) => take.limit?.[1] ?? Number.NaN);
  const ratio = spreadOf(group.map((take, i) => take.value / (limits[i] as number)));
  return {
    ...figure,
    limit: { name: limit[0], value: spreadOf(limits), ratio },
    ...(bar && { bar: judge(bar, (bar.on === 'ratio' ? ratio : value).median) }),
  };
}

function judge(bar: Bar, median: number): Verdict {
  const met = bar.op === '<=' ? median <= bar.than : median >= bar.than;
  if (met) return { ...bar, met };
  return { ...bar, met, missedBy: bar.op === '<=' ? median / bar.than : bar.than / median };
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
