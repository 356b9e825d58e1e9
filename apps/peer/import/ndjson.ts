/** NDJSON: a claim a line, as `{"subject":…}` or `[subject, predicate, object, confidence]`. */
import { isAverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { ClaimInput } from '../../../src/peer/api.ts';
import { jsonToValue } from '../json.ts';
import { type BadRow, byteLines, checkRow, type Places, type Row } from './rows.ts';

const FIELDS = ['subject', 'predicate', 'object', 'confidence'] as const;
type Field = (typeof FIELDS)[number];
/** What `aver query --json` prints beside the claim: it may be fed back as it is. */
const IGNORED = new Set(['id', 'index', 'author', 'seq', 'hlc', 'timeMs']);
const BOM = '\ufeff';

export async function* ndjsonRows(source: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  for await (const bytes of byteLines(source)) {
    line++;
    if (bytes === undefined) {
      yield { ok: false, line, message: `the line is over ${limits.importLineBytesMax} bytes` };
      continue;
    }
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      yield { ok: false, line, message: 'the line is not UTF-8' };
      continue;
    }
    if (line === 1 && text.startsWith(BOM)) text = text.slice(1);
    if (text.trim() !== '') yield parseLine(line, text);
  }
}

function parseLine(line: number, text: string): Row {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return syntaxFault(line, text, error as Error);
  }
  if (Array.isArray(json)) return fromList(line, text, json);
  if (typeof json === 'object' && json !== null) return fromObject(line, text, json);
  return { ok: false, line, column: 1, message: 'expected an object or an array' };
}

function syntaxFault(line: number, text: string, error: Error): BadRow {
  const position = /at position (\d+)/.exec(error.message)?.[1];
  const column = position === undefined ? text.trimEnd().length + 1 : Number(position) + 1;
  return {
    ok: false,
    line,
    column,
    message: `not JSON: ${error.message.replace(/ (in JSON )?at position.*/, '')}`,
  };
}

function fromList(line: number, text: string, list: readonly unknown[]): Row {
  const column = text.indexOf('[') + 1;
  if (list.length < 3 || list.length > 4) {
    const message = `expected 3 or 4 items (subject, predicate, object, confidence), got ${list.length}`;
    return { ok: false, line, column, message };
  }
  const [subject, predicate, object, confidence] = list;
  return toRow(line, { subject, predicate, object, confidence }, {});
}

function fromObject(line: number, text: string, json: object): Row {
  const places: Partial<Record<Field, number>> = {};
  for (const field of FIELDS) {
    const at = text.indexOf(`"${field}"`);
    if (at >= 0) places[field] = at + 1;
  }
  for (const field of FIELDS.slice(0, 3)) {
    if (Object.hasOwn(json, field)) continue;
    return { ok: false, line, column: text.indexOf('{') + 1, field, message: 'is missing' };
  }
  for (const key of Object.keys(json)) {
    if ((FIELDS as readonly string[]).includes(key) || IGNORED.has(key)) continue;
    const column = text.indexOf(JSON.stringify(key)) + 1;
    return { ok: false, line, column: Math.max(column, 1), field: key, message: 'is no part of a claim' };
  }
  return toRow(line, json as Record<Field, unknown>, places);
}

function toRow(line: number, parts: Partial<Record<Field, unknown>>, places: Places): Row {
  const { subject, predicate, object, confidence } = parts;
  let claim: ClaimInput;
  try {
    const value = jsonToValue(object);
    const certain = confidence === undefined || confidence === null ? {} : { confidence };
    claim = { subject, predicate, object: value, ...certain } as ClaimInput;
  } catch (error) {
    if (!isAverError(error)) throw error;
    const column = places.object === undefined ? {} : { column: places.object };
    return { ok: false, line, field: 'object', message: error.message, ...column };
  }
  return checkRow(line, claim, places);
}
