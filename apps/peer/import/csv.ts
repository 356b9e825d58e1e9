/**
 * Facts in CSV: subject, predicate, object and perhaps confidence, in this order or under a header
 * that names them. Objects that are numbers, true, false, null or JSON become such values.
 */
import { isAverError } from '../../../src/base/errors.ts';
import type { Value } from '../../../src/base/value.ts';
import type { ClaimInput } from '../../../src/peer/api.ts';
import { csvRecords } from './csv-records.ts';
import { textToValue } from './literal.ts';
import { checkRow, type Row } from './rows.ts';

const FIELDS = ['subject', 'predicate', 'object', 'confidence'] as const;
type Field = (typeof FIELDS)[number];
type Columns = Readonly<Record<Field, number>>;
const POSITIONAL: Columns = { subject: 0, predicate: 1, object: 2, confidence: 3 };

export interface CsvOptions {
  /** Takes every object as text. */
  readonly text?: boolean;
}

export async function* csvRows(
  source: AsyncIterable<Uint8Array>,
  options: CsvOptions = {},
): AsyncGenerator<Row> {
  let columns: Columns | undefined;
  for await (const record of csvRecords(source)) {
    if ('ok' in record) {
      yield record;
      continue;
    }
    const header = columns === undefined ? headerOf(record.cells) : undefined;
    columns ??= header ?? POSITIONAL;
    if (header === undefined) yield toRow(record.line, record.cells, columns, options);
  }
}

/** The columns, when the first row names subject, predicate and object. */
function headerOf(cells: readonly string[]): Columns | undefined {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const columns = Object.fromEntries(FIELDS.map((field) => [field, names.indexOf(field)])) as Columns;
  return columns.subject < 0 || columns.predicate < 0 || columns.object < 0 ? undefined : columns;
}

function toRow(line: number, cells: readonly string[], columns: Columns, options: CsvOptions): Row {
  const column = cells.length + 1;
  for (const field of FIELDS.slice(0, 3)) {
    if (cells[columns[field]] !== undefined) continue;
    return { ok: false, line, column, field, message: `is missing: the row has ${cells.length} cells` };
  }
  if (columns === POSITIONAL && cells.length > FIELDS.length) {
    const message = `the row has ${cells.length} cells, but only ${FIELDS.length} are known; add a header row`;
    return { ok: false, line, column: FIELDS.length + 1, message };
  }
  const cell = (field: Field): string => cells[columns[field]] ?? '';
  const places = Object.fromEntries(FIELDS.map((field) => [field, columns[field] + 1]));
  let object: Value;
  try {
    object = options.text === true ? cell('object') : textToValue(cell('object'));
  } catch (error) {
    if (!isAverError(error)) throw error;
    return { ok: false, line, column: columns.object + 1, field: 'object', message: error.message };
  }
  const sure = cell('confidence').trim();
  const confidence =
    sure === '' ? {} : { confidence: /^[\d.]+(e-\d+)?$/i.test(sure) ? Number(sure) : Number.NaN };
  const claim: ClaimInput = { subject: cell('subject'), predicate: cell('predicate'), object, ...confidence };
  return checkRow(line, claim, places);
}
