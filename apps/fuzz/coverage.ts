/**
 * Which places of the sources were reached, by V8's block coverage: what guides a long run. Jazzer.js does
 * as much by rewriting modules as they are required; ours are modules that Node runs as they are written.
 */
import { type Profiler, Session } from 'node:inspector';

const WATCHED = /\/(?:src|apps\/peer)\/[^?]+\.ts$/;
const NOT_WATCHED = /\/testing\/|\.fixture\.ts$/;

/** Characters inside of functions: what stands beside them runs when the module is loaded, or is a comment. */
export interface FileCoverage {
  readonly file: string;
  readonly characters: number;
  readonly reached: number;
}

/** What is known of one file: by the place of each character. */
interface FileMap {
  /** Length of the innermost function that it is in; 0 outside of all. */
  readonly owner: Uint32Array;
  readonly reached: Uint8Array;
}

export class Coverage {
  readonly #session = new Session();
  readonly #maps = new Map<string, FileMap>();

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
      const map = this.#mapOf(url, Math.max(...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0)));
      const inner = functions.filter(({ ranges }) => (ranges[0]?.startOffset ?? 0) > 0);
      for (const { ranges } of inner) own(map, ranges[0] as Profiler.CoverageRange);
      for (const { ranges } of inner) fresh += paint(map, ranges, note);
    }
    return fresh;
  }

  #mapOf(url: string, length: number): FileMap {
    const known = this.#maps.get(url);
    if (known !== undefined && known.reached.length >= length) return known;
    const grown = { owner: new Uint32Array(length), reached: new Uint8Array(length) };
    if (known !== undefined) {
      grown.owner.set(known.owner);
      grown.reached.set(known.reached);
    }
    this.#maps.set(url, grown);
    return grown;
  }

  files(): FileCoverage[] {
    return [...this.#maps].map(([url, { owner, reached }]) => ({
      file: url.slice(url.search(/\/(?:src|apps\/peer)\//) + 1),
      characters: owner.reduce((sum, each) => sum + (each > 0 ? 1 : 0), 0),
      reached: reached.reduce((sum, each) => sum + each, 0),
    }));
  }

  stop(): void {
    this.#session.disconnect();
  }
}

/** The characters of a function are its own, but for those of functions inside. */
function own({ owner }: FileMap, { startOffset, endOffset }: Profiler.CoverageRange): void {
  const length = endOffset - startOffset;
  for (let at = startOffset; at < endOffset; at++) {
    const now = owner[at] as number;
    if (now === 0 || now > length) owner[at] = length;
  }
}

/** Ranges lie in each other, the outer before the inner: the last that covers a place tells. */
function paint(
  { owner, reached }: FileMap,
  ranges: readonly Profiler.CoverageRange[],
  note: boolean,
): number {
  const [{ startOffset: start, endOffset: end, count }] = ranges as [Profiler.CoverageRange];
  if (count === 0) return 0;
  const painted = new Uint8Array(end - start);
  for (const range of ranges)
    painted.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start);
  let fresh = 0;
  for (let i = 0; i < painted.length; i++) {
    const at = start + i;
    if (painted[i] === 0 || reached[at] === 1 || owner[at] !== end - start) continue;
    fresh++;
    if (note) reached[at] = 1;
  }
  return fresh;
}
