/** The Metrics port in memory: counters, gauges, and summaries as `<name>_count` and `<name>_sum`. */
import type { MetricSample, Metrics } from './ports.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Label sets kept per name. Labels are meant to be few (a code, a direction); if one ever takes its
 * value from a peer, the rest goes under `other` and memory stays bounded.
 */
const LABEL_SETS_MAX = 128;

interface Series {
  readonly labels: Labels;
  value: number;
}

export class MemoryMetrics implements Metrics {
  readonly #seriesByName = new Map<string, Map<string, Series>>();

  add(name: string, by = 1, labels: Labels = {}): void {
    this.#series(name, labels).value += by;
  }

  set(name: string, value: number, labels: Labels = {}): void {
    this.#series(name, labels).value = value;
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    this.add(`${name}_count`, 1, labels);
    this.add(`${name}_sum`, value, labels);
  }

  unset(name: string, labels: Labels): void {
    this.#seriesByName.get(name)?.delete(labelsKey(labels));
  }

  snapshot(): readonly MetricSample[] {
    return [...this.#seriesByName].flatMap(([name, sets]) =>
      [...sets.values()].map(({ labels, value }) => ({ name, labels, value })),
    );
  }

  /** The value of one series, 0 when nothing was counted. */
  value(name: string, labels: Labels = {}): number {
    return this.#seriesByName.get(name)?.get(labelsKey(labels))?.value ?? 0;
  }

  #series(name: string, labels: Labels): Series {
    let sets = this.#seriesByName.get(name);
    if (sets === undefined) {
      sets = new Map();
      this.#seriesByName.set(name, sets);
    }
    const key = labelsKey(labels);
    const known = sets.get(key);
    if (known !== undefined) return known;
    if (sets.size >= LABEL_SETS_MAX && !isOther(labels)) return this.#series(name, toOther(labels));
    const series = { labels: { ...labels }, value: 0 };
    sets.set(key, series);
    return series;
  }
}

function toOther(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((label) => [label, 'other']));
}

function isOther(labels: Labels): boolean {
  return Object.values(labels).every((value) => value === 'other');
}

function labelsKey(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return '';
  return JSON.stringify(names.sort().map((name) => [name, labels[name]]));
}
