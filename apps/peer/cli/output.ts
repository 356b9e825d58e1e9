/** What commands print: data on stdout, messages on stderr, for people or as JSON. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { toAverError } from '../../../src/base/errors.ts';
import type { Environment } from '../config.ts';

export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Columns of a terminal whose width nobody knows. */
const COLUMNS_DEFAULT = 120;
/** A cell is cut to this many characters on a terminal; in pipes nothing is cut. */
const CELL_MAX = 60;

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

export class Output {
  readonly json: boolean;
  readonly #stdout: Terminal;
  readonly #stderr: Terminal;
  readonly #colour: boolean;

  constructor(json: boolean, stdout: Terminal, stderr: Terminal, environment: Environment) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#colour = stderr.isTTY === true && stdout.isTTY === true && !environment.NO_COLOR;
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  get progressTerminal(): Terminal | undefined {
    return this.#stderr.isTTY === true ? this.#stderr : undefined;
  }

  /** One result: JSON for programs, otherwise what `text` makes of it. */
  async result(value: unknown, text: () => string): Promise<void> {
    await this.line(this.json ? JSON.stringify(value) : text());
  }

  /** A line of data. Waits while the reader is slow. */
  async line(line: string): Promise<void> {
    await this.bytes(`${line}\n`);
  }

  async bytes(data: Uint8Array | string): Promise<void> {
    if (!this.#stdout.write(data)) await once(this.#stdout, 'drain');
  }

  /** A sentence for people, apart from the data. */
  message(text: string): void {
    if (!this.json) this.#stderr.write(`${text}\n`);
  }

  /** A finding beside the data that programs want too. */
  note(json: object, text: string): void {
    this.#stderr.write(`${this.json ? JSON.stringify(json) : text}\n`);
  }

  error(error: unknown): void {
    const known = toAverError(error);
    const advice = this.style('dim', known.advice);
    const text = `${this.style('red', `error ${known.code}`)}: ${known.message}\n  ${advice}`;
    this.note({ error: known.toJSON() }, text);
  }

  style(style: keyof typeof CODES, text: string): string {
    return this.#colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }

  /** Rows under a head, in aligned columns. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): string {
    const layout = this.layout(rows.length === 0 ? [head] : [head, ...rows]);
    return [this.style('bold', layout(head)), ...rows.map(layout)].join('\n');
  }

  /** Formats rows with the column widths that `sample` needs. */
  layout(sample: readonly (readonly string[])[]): (row: readonly string[]) => string {
    const count = Math.max(0, ...sample.map((row) => row.length));
    const widths = Array.from({ length: count }, (_, i) =>
      Math.max(...sample.map((row) => displayWidth(this.#cut(row[i] ?? '')))),
    );
    const columns = this.#stdout.columns ?? COLUMNS_DEFAULT;
    return (row) => {
      const cells = row.map((cell, i) => {
        const shown = this.#cut(cell);
        const last = i === row.length - 1;
        return last ? shown : shown + ' '.repeat(Math.max(0, (widths[i] ?? 0) - displayWidth(shown)));
      });
      const line = cells.join('  ');
      return this.isTerminal ? cutTo(line, columns) : line;
    };
  }

  #cut(cell: string): string {
    const plain = printable(cell);
    return this.isTerminal ? cutTo(plain, CELL_MAX) : plain;
  }
}

/** Facts come from strangers: what would move the cursor or break the table is shown escaped. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    const known = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    return known ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function cutTo(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const char of text) {
    used += charWidth(char);
    if (used > width - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** East Asian wide characters and emoji take two columns, combining marks none. */
function charWidth(char: string): number {
  if (/\p{Mark}/u.test(char)) return 0;
  const point = char.codePointAt(0) ?? 0;
  const wide =
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0x1f300 && point <= 0x1faff);
  return wide ? 2 : 1;
}
