/**
 * Splits CSV (RFC 4180) into records with the exact line that each begins on.
 *
 * Written by hand because csv-parse counts a CRLF inside quotes twice, and after one bad quote skips
 * the rest of the file, so that neither line numbers nor `--keep-going` could be kept.
 */
import { limits } from '../../../src/base/limits.ts';
import { type BadRow, byteLines } from './rows.ts';

export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

export async function* csvRecords(source: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord | BadRow> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  let start = 0;
  let length = 0;
  let record: OpenRecord | undefined;
  for await (const bytes of byteLines(source)) {
    line++;
    if (record === undefined) {
      start = line;
      length = 0;
    }
    length += bytes?.length ?? limits.importLineBytesMax;
    if (bytes === undefined || length > limits.importLineBytesMax) {
      const why = record === undefined ? '' : '; is its quoted cell closed?';
      yield { ok: false, line: start, message: `the row is over ${limits.importLineBytesMax} bytes${why}` };
      record = undefined;
      continue;
    }
    const text = decodeLine(decoder, bytes, line);
    if (text === undefined) {
      yield { ok: false, line, message: 'the line is not UTF-8' };
      record = undefined;
      continue;
    }
    if (record === undefined && text.trim() === '') continue;
    record ??= new OpenRecord();
    const outcome = record.push(text);
    if (outcome === 'open') continue;
    if (outcome === 'done') yield { line: start, cells: record.cells };
    else yield { ok: false, line, column: record.cells.length + 1, message: outcome };
    record = undefined;
  }
  if (record !== undefined) {
    const column = record.cells.length + 1;
    yield { ok: false, line: start, column, message: 'a quoted cell that begins here is not closed' };
  }
}

function decodeLine(decoder: TextDecoder, bytes: Uint8Array, line: number): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch {
    return undefined;
  }
}

/** A record that may go on over several lines, because a quoted cell holds line breaks. */
class OpenRecord {
  readonly cells: string[] = [];
  /** What a quoted cell holds so far; undefined outside of one. */
  #quoted: string | undefined;

  /** Takes one line without its LF: the record is `done`, still `open`, or at fault (a sentence). */
  push(line: string): string {
    let at = 0;
    for (;;) {
      if (this.#quoted === undefined && line[at] === '"') {
        this.#quoted = '';
        at++;
      }
      if (this.#quoted === undefined) {
        const comma = line.indexOf(',', at);
        const cell = comma < 0 ? line.slice(at).replace(/\r$/, '') : line.slice(at, comma);
        if (cell.includes('"')) return 'a quote stands inside a cell that does not begin with one';
        this.cells.push(cell);
        if (comma < 0) return 'done';
        at = comma + 1;
        continue;
      }
      const end = closingQuote(line, at);
      this.#quoted += line.slice(at, end < 0 ? undefined : end).replaceAll('""', '"');
      if (end < 0) {
        this.#quoted += '\n';
        return 'open';
      }
      const rest = line.slice(end + 1, end + 3);
      if (rest !== '' && rest !== '\r' && !rest.startsWith(',')) return 'text follows a closing quote';
      this.cells.push(this.#quoted);
      this.#quoted = undefined;
      if (!rest.startsWith(',')) return 'done';
      at = end + 2;
    }
  }
}

/** The next quote that is not doubled, or −1. */
function closingQuote(line: string, from: number): number {
  let at = line.indexOf('"', from);
  while (at >= 0 && line[at + 1] === '"') at = line.indexOf('"', at + 2);
  return at;
}
