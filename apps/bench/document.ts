/** The tables of a document, each between its markers, replaced by those of a report. */
import { readFile, writeFile } from 'node:fs/promises';
import { machineLine, type Report } from './report.ts';
import { markdownTable } from './table.ts';

/** Leaves alone what the report does not have. */
export async function updateDocument(file: string, report: Report): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const section of report.sections) {
    const seen = `${machineLine(report.machine)}, after ${report.loadAfter.toFixed(1)}`;
    text = replaced(text, section.bench, `\n${section.about}.\n\n${markdownTable(section)}\n\n${seen}\n`);
  }
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
