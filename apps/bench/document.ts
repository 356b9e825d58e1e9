/** The tables of a document, each between its markers, replaced by those of a report. */
import { readFile, writeFile } from 'node:fs/promises';
import { machineLine, type Report } from './report.ts';
import { barsTable, markdownTable } from './table.ts';

const BARS = 'bars';

/** Leaves alone what the report does not have; what there is to reach is told of a whole report only. */
export async function updateDocument(file: string, report: Report): Promise<void> {
  const { sections, machine } = report;
  let text = await readFile(file, 'utf8');
  for (const section of sections) {
    const { bench, about, loadBefore, loadAfter } = section;
    const load = `Load ${loadBefore.toFixed(1)} before and ${loadAfter.toFixed(1)} after.`;
    text = replaced(text, bench, `\n${about}.\n\n${markdownTable(section)}\n\n${load}\n`);
  }
  const names = [...text.matchAll(/<!-- bench (\S+) -->/g)].map(([, name]) => name);
  const isWhole = names.every((name) => name === BARS || sections.some((section) => section.bench === name));
  if (isWhole) text = replaced(text, BARS, `\n${machineLine(machine)}.\n\n${barsTable(sections)}\n`);
  await writeFile(file, text);
}

/** What stands between `<!-- bench NAME -->` and the next `<!-- end -->`. */
function replaced(text: string, name: string, content: string): string {
  const begin = `<!-- bench ${name} -->`;
  const from = text.indexOf(begin);
  if (from === -1) return text;
  const to = text.indexOf('<!-- end -->', from);
  if (to === -1) throw new Error(`The marker of ${name} has no end.`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
