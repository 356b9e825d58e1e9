/** What one run of the benchmarks gives: the machine, the sizes, and the figures. */
import { availableParallelism, cpus, loadavg } from 'node:os';
import type { Sizes } from './bench.ts';
import type { Section } from './figure.ts';

export interface Report {
  readonly machine: Machine;
  readonly settings: Sizes & { readonly rounds: number };
  readonly loadAfter: number;
  readonly sections: readonly Section[];
}

export interface Machine {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core in the minute before: above 0.3, others were using the machine. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    loadBefore: load(),
  };
}

export function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

export function machineLine({ date, node, cpu, cores, loadBefore }: Machine): string {
  return `${date}, Node ${node}, ${cores} × ${cpu}, load before ${loadBefore.toFixed(1)}`;
}
