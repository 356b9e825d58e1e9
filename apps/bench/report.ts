/** What one run of the benchmarks gives: the machine, the sizes, and the figures. */
import { availableParallelism, cpus } from 'node:os';
import type { Sizes } from './bench.ts';
import type { Section } from './figure.ts';

export interface Report {
  readonly machine: Machine;
  readonly settings: Sizes & { readonly rounds: number };
  readonly sections: readonly Section[];
}

export interface Machine {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
  };
}

export function machineLine({ date, node, cpu, cores }: Machine): string {
  return `${date}, Node ${node}, ${cores} × ${cpu}`;
}

/** One report of several: of what was measured more than once the last counts, and the first tells the machine. */
export function mergeReports(reports: readonly Report[]): Report {
  const sections = new Map(reports.flatMap((report) => report.sections.map((each) => [each.bench, each])));
  return { ...(reports[0] as Report), sections: [...sections.values()] };
}
