import { describe, expect, it } from 'vitest';
import type { Fact } from '../../../src/peer/api.ts';
import { compareHlc, FactTable, groupKey } from './fact-table.ts';
import { factsToCsv, rowWindow, tableRows } from './table-rows.ts';

let made = 0;
function fact(subject: string, object: string, timeMs: number, id = `${++made}`.padStart(64, '0')): Fact {
  const rest = { index: 0, author: 'aa', seq: 1, confidence: 1, predicate: 'likes' };
  return { subject, object, id, timeMs, hlc: `${timeMs}000000.0`, ...rest };
}
const subjects = (table: FactTable) => table.rows().map((group) => group.subject);

describe('FactTable', () => {
  it('groups claims of one subject and predicate, the latest first', () => {
    const table = new FactTable('subject');
    table.add([fact('a', 'old', 1), fact('b', 'x', 5), fact('a', 'new', 2)]);
    expect(subjects(table)).toEqual(['a', 'b']);
    expect(table.group(groupKey('a', 'likes'))?.facts.map((each) => each.object)).toEqual(['new', 'old']);
  });

  it('keeps the newest on top as facts arrive', () => {
    const table = new FactTable('newest');
    table.add([fact('a', 'x', 1), fact('b', 'x', 2)]);
    expect(subjects(table)).toEqual(['b', 'a']);
    table.add([fact('c', 'x', 3), fact('a', 'y', 4)]);
    expect(subjects(table)).toEqual(['a', 'c', 'b']);
  });

  it('shows the claim of one assertion that the lens picks: the last one', () => {
    const table = new FactTable('subject');
    const one = fact('a', 'first', 1);
    table.add([one, { ...one, index: 1, object: 'second' }]);
    expect(table.rows()[0]?.facts.map((each) => each.object)).toEqual(['second', 'first']);
  });

  it('takes a claim once, however often it comes', () => {
    const table = new FactTable('newest');
    const one = fact('a', 'x', 1);
    expect(table.add([one, one])).toBe(1);
    expect(table.add([one])).toBe(0);
    expect(table.size).toBe(1);
  });

  it('makes another row of a group that changed, and keeps those that did not', () => {
    const table = new FactTable('subject');
    table.add([fact('a', 'x', 1), fact('b', 'x', 1)]);
    const [a, b] = table.rows();
    table.add([fact('a', 'y', 2)]);
    expect(table.rows()).toHaveLength(2);
    expect(table.rows()[0]).not.toBe(a);
    expect(table.rows()[0]?.facts).toHaveLength(2);
    expect(table.rows()[1]).toBe(b);
  });

  it('drops erased claims and takes them again later', () => {
    const table = new FactTable('newest');
    const one = fact('a', 'x', 1);
    table.add([one, fact('a', 'y', 2), fact('b', 'z', 3)]);
    table.remove([one.id]);
    expect(table.size).toBe(2);
    expect(table.rows()).toHaveLength(2);
    table.add([one]);
    expect(table.group(groupKey('a', 'likes'))?.facts).toHaveLength(2);
  });

  it('forgets a group whose last claim was erased', () => {
    const table = new FactTable('newest');
    const one = fact('a', 'x', 1);
    table.add([one]);
    table.remove([one.id]);
    expect(table.rows()).toEqual([]);
    table.add([one]);
    expect(subjects(table)).toEqual(['a']);
  });

  it('takes 20,000 claims and then single ones without a long pause', () => {
    const table = new FactTable('subject');
    table.add(Array.from({ length: 20_000 }, (_, at) => fact(`s${(at * 7919) % 20_000}`, 'x', at)));
    table.rows();
    const before = performance.now();
    table.add([fact('s55', 'y', 30_000), fact('zzz', 'y', 30_001)]);
    expect(table.rows()).toHaveLength(20_001);
    // A frame is 16 ms; the bound is generous for a busy machine, a full sort takes ten times as long.
    expect(performance.now() - before).toBeLessThan(100);
  });
});

describe('compareHlc', () => {
  it('compares by time first, then by counter as a number', () => {
    expect(compareHlc('99.5', '100.0')).toBeLessThan(0);
    expect(compareHlc('100.9', '100.10')).toBeLessThan(0);
    expect(compareHlc('100.1', '100.1')).toBe(0);
  });
});

describe('tableRows', () => {
  it('lists the claims of an expanded group in lens order with the winner marked', () => {
    const table = new FactTable('subject');
    const [a, b] = [fact('a', 'x', 1), fact('a', 'y', 2)];
    table.add([a, b]);
    const key = groupKey('a', 'likes');
    const lens = new Map([[key, { winner: a, candidates: [a, b], lens: 'test' }]]);
    const rows = tableRows(table.rows(), new Set([key]), lens);
    expect(rows.map((row) => (row.kind === 'claim' ? [row.fact.object, row.wins] : row.kind))).toEqual([
      'group',
      ['x', true],
      ['y', false],
    ]);
  });

  it('renders only what is on the screen', () => {
    expect(rowWindow(0, 400, 40, 5000)).toEqual({ from: 0, to: 16 });
    expect(rowWindow(40_000, 400, 40, 5000)).toEqual({ from: 994, to: 1016 });
    expect(rowWindow(1e9, 400, 40, 3)).toEqual({ from: 0, to: 3 });
  });

  it('quotes CSV so that every object is one field of JSON', () => {
    const table = new FactTable('subject');
    table.add([fact('a,b', 'say "hi"', 1)]);
    expect(factsToCsv(table.rows())).toBe(
      'subject,predicate,object,confidence\n"a,b",likes,"""say \\""hi\\""""",1',
    );
  });
});
