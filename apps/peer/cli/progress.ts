/** Progress on stderr: a bar on a terminal, a line every few seconds elsewhere. */
import type { ImportProgress } from '../import/import-facts.ts';
import type { Output } from './output.ts';

const BAR_CELLS = 30;
const BAR_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;
const VERB = { check: 'checking', write: 'writing' } as const;

export class Progress {
  readonly #out: Output;
  readonly #nowMs: () => number;
  #shownMs: number;
  #drawn = false;

  constructor(out: Output, nowMs: () => number) {
    this.#out = out;
    this.#nowMs = nowMs;
    this.#shownMs = nowMs();
  }

  show({ phase, bytesDone, bytesAll, claims }: ImportProgress): void {
    const terminal = this.#out.progressTerminal;
    const nowMs = this.#nowMs();
    const interval = terminal === undefined ? LINE_INTERVAL_MS : BAR_INTERVAL_MS;
    const ended = bytesDone >= bytesAll;
    if (nowMs - this.#shownMs < interval && !(ended && this.#drawn)) return;
    this.#shownMs = nowMs;
    const share = bytesAll === 0 ? 1 : bytesDone / bytesAll;
    const text = `${VERB[phase].padEnd(8)} ${String(Math.floor(share * 100)).padStart(3)} %  ${claims} claims`;
    if (terminal === undefined) {
      this.#out.message(text);
      return;
    }
    const full = Math.round(share * BAR_CELLS);
    terminal.write(`\r${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${text}\u001b[K`);
    this.#drawn = true;
  }

  /** Takes the bar away, so that what follows has a line of its own. */
  clear(): void {
    if (this.#drawn) this.#out.progressTerminal?.write('\r\u001b[K');
    this.#drawn = false;
  }
}
