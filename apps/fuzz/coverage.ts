/**
 * Which places of the sources were reached, by V8's block coverage: what guides a long run. Jazzer.js does
 * as much by rewriting modules as they are required; ours are modules that Node runs as they are written.
 */
import { type Profiler, Session } from 'node:inspector';

const WATCHED = /\/(?:src|apps\/peer)\/[^?]+\.ts$/;
const NOT_WATCHED = /\/testing\/|\.fixture\.ts$/;

export interface FileCoverage {
  readonly file: string;
  readonly bytes: number;
  readonly reached: number;
}

export class Coverage {
  readonly #session = new Session();
  /** By file: 1 for each character of its source that was reached. */
  readonly #reached = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What was reached since the last look. */
  look(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      scripts = taken.result.filter(({ url }) => WATCHED.test(url) && !NOT_WATCHED.test(url));
    });
    return scripts;
  }

  /** Characters of it that were not reached before; with `note` they count as reached from now on. */
  fresh(scripts: readonly Profiler.ScriptCoverage[], note: boolean): number {
    let fresh = 0;
    for (const { url, functions } of scripts) {
      for (const { ranges } of functions) {
        const [whole] = ranges as [Profiler.CoverageRange];
        if (whole.count === 0) continue;
        const known = this.#mapOf(url, whole.endOffset);
        // Ranges lie in each other, the outer before the inner: the last that covers a place tells.
        const painted = new Uint8Array(whole.endOffset - whole.startOffset);
        for (const { startOffset, endOffset, count } of ranges)
          painted.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset);
        for (let i = 0; i < painted.length; i++) {
          const at = whole.startOffset + i;
          if (painted[i] === 0 || known[at] === 1) continue;
          fresh++;
          if (note) known[at] = 1;
        }
      }
    }
    return fresh;
  }

  #mapOf(url: string, length: number): Uint8Array {
    const known = this.#reached.get(url);
    if (known !== undefined && known.length >= length) return known;
    const grown = new Uint8Array(length);
    if (known !== undefined) grown.set(known);
    this.#reached.set(url, grown);
    return grown;
  }

  files(): FileCoverage[] {
    return [...this.#reached].map(([url, map]) => ({
      file: url.slice(url.search(/\/(?:src|apps\/peer)\//) + 1),
      bytes: map.length,
      reached: map.reduce((sum, each) => sum + each, 0),
    }));
  }

  stop(): void {
    this.#session.disconnect();
  }
}
