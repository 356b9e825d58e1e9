import { expect, test } from 'vitest';
import { limits } from '../../../src/base/limits.ts';
import { csvRows } from './csv.ts';
import { textToValue } from './literal.ts';
import { ndjsonRows } from './ndjson.ts';
import type { Row } from './rows.ts';

/** In small pieces, so that lines and characters are cut at every place. */
async function* pieces(text: string | Uint8Array, size = 3): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(rows: AsyncIterable<Row>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const row of rows) {
    if (row.ok) all.push([row.line, ...Object.values(row.claim)]);
    else all.push({ line: row.line, column: row.column, field: row.field, message: row.message });
  }
  return all;
}

test('CSV is read by position, with or without confidence', async () => {
  const rows = await read(csvRows(pieces('earth,shape,round\nearth,mass,5.97,0.9\n')));
  expect(rows).toEqual([
    [1, 'earth', 'shape', 'round'],
    [2, 'earth', 'mass', 5.97, 0.9],
  ]);
});

test('CSV under a header is read by name, in any order, other columns left out', async () => {
  const text = 'note,Object,subject,PREDICATE\nx,round,earth,shape\n';
  expect(await read(csvRows(pieces(text)))).toEqual([[2, 'earth', 'shape', 'round']]);
});

test.each([1, 2, 7, 1000])(
  'quotes, commas, line breaks and CRLF keep exact lines (chunks of %i)',
  async (size) => {
    const text = '\ufeffa,b,c\r\n\r\n"x, y","say ""hi""","two\r\nlines"\r\n"",p,o\r\nlast,p,é';
    expect(await read(csvRows(pieces(text, size)))).toEqual([
      [1, 'a', 'b', 'c'],
      [3, 'x, y', 'say "hi"', 'two\r\nlines'],
      { line: 5, column: 1, field: 'subject', message: 'The subject is empty.' },
      [6, 'last', 'p', 'é'],
    ]);
  },
);

test('bad CSV rows are named by line and column, and reading goes on behind them', async () => {
  const text = [
    'a,b,c',
    'a,b',
    'a,"b"x,c',
    'a,b"x,c',
    'a,b,c,2',
    'a,b,c,0.5,more',
    'a,b,c,high',
    'good,b,c',
    'a,"open,c',
    'never closed',
  ].join('\n');
  expect(await read(csvRows(pieces(text, 1000)))).toEqual([
    [1, 'a', 'b', 'c'],
    { line: 2, column: 3, field: 'object', message: 'is missing: the row has 2 cells' },
    { line: 3, column: 2, field: undefined, message: 'text follows a closing quote' },
    {
      line: 4,
      column: 2,
      field: undefined,
      message: 'a quote stands inside a cell that does not begin with one',
    },
    { line: 5, column: 4, field: 'confidence', message: 'is not a number from 0 to 1' },
    { line: 6, column: 5, field: undefined, message: expect.stringContaining('only 4 are known') },
    { line: 7, column: 4, field: 'confidence', message: 'is not a number from 0 to 1' },
    [8, 'good', 'b', 'c'],
    { line: 9, column: 2, field: undefined, message: 'a quoted cell that begins here is not closed' },
  ]);
});

test('NDJSON takes objects, arrays and what query --json prints; blank lines count', async () => {
  const text = [
    '\ufeff{"subject":"a","predicate":"b","object":{"x":[1,null]}}',
    '',
    '["a","b",true,0.25]\r',
    '{"subject":"a","predicate":"b","object":"c","confidence":1,"id":"00","index":0,"author":"11","seq":1,"hlc":"1.0","timeMs":1}',
  ].join('\n');
  expect(await read(ndjsonRows(pieces(text)))).toEqual([
    [1, 'a', 'b', { x: [1, null] }],
    [3, 'a', 'b', true, 0.25],
    [4, 'a', 'b', 'c', 1],
  ]);
});

test.each([
  { text: '{"subject":"a","predicate":"b"}', column: 1, field: 'object', message: 'is missing' },
  {
    text: '{"subject":"a","predicate":"b","object":1,"confidance":1}',
    column: 43,
    field: 'confidance',
    message: 'is no part of a claim',
  },
  { text: '{"subject":5,"predicate":"b","object":1}', column: 2, field: 'subject', message: 'is not text' },
  {
    text: '{"subject":"a","predicate":"b","object":1e999}',
    column: 32,
    field: 'object',
    message: 'Infinity has no encoding.',
  },
  {
    text: '{"subject":"a","predicate":"b","object":"\\ud800"}',
    column: 32,
    field: 'object',
    message: 'The text has a lone surrogate.',
  },
  {
    text: '{"subject":"a","predicate":"b","object":1,"confidence":"1"}',
    column: 43,
    field: 'confidence',
    message: 'is not a number from 0 to 1',
  },
  { text: '{"subject":"a",}', column: 16, field: undefined, message: expect.stringContaining('not JSON') },
  { text: '{"subject":"a"', column: 15, field: undefined, message: expect.stringContaining('not JSON') },
  {
    text: '["a","b"]',
    column: 1,
    field: undefined,
    message: expect.stringContaining('expected 3 or 4 items'),
  },
  { text: '"text"', column: 1, field: undefined, message: 'expected an object or an array' },
  {
    text: `["a","b",${'['.repeat(40)}${']'.repeat(40)}]`,
    column: undefined,
    field: 'object',
    message: expect.stringContaining('deeper'),
  },
  {
    text: `["${'s'.repeat(1025)}","b",1]`,
    column: undefined,
    field: 'subject',
    message: expect.stringContaining('1024 bytes'),
  },
  {
    text: `["a","b","${'x'.repeat(limits.assertionBytesMax)}"]`,
    column: undefined,
    field: 'object',
    message: expect.stringContaining('too big'),
  },
])('a bad line is named with its place: $message', async ({ text, ...place }) => {
  const rows = await read(ndjsonRows(pieces(`["a","b","fine"]\n${text}\n["a","b","fine"]\n`, 100)));
  expect(rows).toEqual([[1, 'a', 'b', 'fine'], { line: 2, ...place }, [3, 'a', 'b', 'fine']]);
});

test('a line that is not UTF-8 or endless is a bad row, not a full memory', async () => {
  const bad = Uint8Array.from([0x22, 0xff, 0x22, 0x0a]);
  expect(await read(ndjsonRows(pieces(bad)))).toMatchObject([{ line: 1, message: 'the line is not UTF-8' }]);
  expect(await read(csvRows(pieces(bad)))).toMatchObject([{ line: 1, message: 'the line is not UTF-8' }]);
  const endless = `${'x'.repeat(limits.importLineBytesMax + 1)}\n["a","b",1]\n`;
  expect(await read(ndjsonRows(pieces(endless, 65_536)))).toMatchObject([{ line: 1 }, [2, 'a', 'b', 1]]);
});

test('a cell becomes a number or JSON only where nothing is lost', () => {
  const kept = [
    '007',
    '1.10',
    '1e5',
    '12345678901234567890',
    '+1',
    '-',
    '"open',
    '{broken',
    '[1,',
    ' 1',
    'NaN',
    '',
  ];
  expect(kept.map(textToValue)).toEqual(kept);
  const meant = ['42', '-0.5', 'true', 'null', '"quoted"', '[1,2]', '{"a":1}'];
  expect(meant.map(textToValue)).toEqual([42, -0.5, true, null, 'quoted', [1, 2], { a: 1 }]);
});
