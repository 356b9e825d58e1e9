/** `import` and `export`. */

import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { scoped } from '../../../src/base/scoped.ts';
import { importFacts } from '../import/import-facts.ts';
import type { BadRow } from '../import/rows.ts';
import { type FileFormat, openSource, type SourceFile } from '../import/source-file.ts';
import type { Context } from './context.ts';
import { bytesText, countText } from './format.ts';
import type { AddCommand, Options } from './program.ts';
import { Progress } from './progress.ts';

export function addFileCommands(add: AddCommand): void {
  add({
    usage: 'import <file>',
    summary: 'Write the facts of a file (NDJSON, CSV), or take in an export file.',
    ofSpace: true,
    options: (command) =>
      command
        .option('--format <format>', 'ndjson, csv or aver (default: told by the file)')
        .option('--keep-going', 'leave bad rows out instead of refusing the file')
        .option('--text', 'take every object of a CSV file as text'),
    examples: [
      'aver import facts.csv            # subject,predicate,object[,confidence]',
      'aver import facts.ndjson         # {"subject":…,"predicate":…,"object":…} or [s,p,o] a line',
      'generate-facts | aver import - --format ndjson',
      'aver import commons.aver         # made by "aver export"',
    ],
    run: importFile,
  });
  add({
    usage: 'export [file]',
    summary: 'Write a space to a file that an empty peer can import, ids and signatures intact.',
    ofSpace: true,
    options: (command) => command.option('-f, --force', 'replace the file if it is there'),
    examples: ['aver export commons.aver', 'aver export --space team > team.aver'],
    run: exportFile,
  });
}

async function importFile(context: Context, args: readonly string[], options: Options): Promise<void> {
  const [path = ''] = args;
  return scoped(await openSource(path, context.io.stdin, context.signal), async (file) => {
    const format = formatOf(options.format, file);
    if (format === 'aver') return importExport(context, file);
    const { out, signal, io } = context;
    await context.useSpace(async (space) => {
      const startMs = io.nowMs();
      const progress = new Progress(out, io.nowMs);
      const problems = new Problems(context, file.name, progress);
      const done = await importFacts(space, file, {
        format,
        keepGoing: options.keepGoing === true,
        text: options.text === true,
        signal,
        onProblem: (problem) => problems.show(problem),
        onProgress: (state) => progress.show(state),
      }).finally(() => {
        progress.clear();
        problems.end();
      });
      const seconds = Math.max(0.001, (io.nowMs() - startMs) / 1000);
      const claimsPerSecond = Math.round(done.claims / seconds);
      const skipped = done.skipped === 0 ? '' : `, ${countText(done.skipped, 'bad row')} left out`;
      await out.result({ file: file.name, format, space: space.id, ...done, seconds, claimsPerSecond }, () =>
        [
          `${countText(done.claims, 'claim')} in ${countText(done.assertions, 'assertion')} written to ${space.name}`,
          ` in ${seconds.toFixed(1)} s (${claimsPerSecond}/s)${skipped}`,
        ].join(''),
      );
    });
  });
}

function formatOf(given: unknown, file: SourceFile): FileFormat {
  if (given === undefined) return file.format;
  if (given === 'ndjson' || given === 'csv' || given === 'aver') return given;
  throw new AverError('BAD_INPUT', `--format: expected ndjson, csv or aver, got "${String(given)}".`);
}

async function importExport(context: Context, file: SourceFile): Promise<void> {
  await context.usePeer(async (peer) => {
    const report = await peer.import(file.open(), { signal: context.signal });
    await context.out.result(report, () =>
      [
        `${countText(report.accepted, 'assertion')} taken in`,
        `${report.known} known already`,
        `${report.refused} refused`,
        `${report.pending} waiting for others`,
      ].join(', '),
    );
    for (const refusal of report.refusals)
      context.out.note({ refused: refusal }, `refused ${refusal.code}: ${refusal.message}`);
    context.out.message(`Space ${report.space}`);
  });
}

/** Prints the first bad rows as `file:line:column: field message`, as compilers do, and counts the rest. */
class Problems {
  readonly #context: Context;
  readonly #file: string;
  readonly #progress: Progress;
  #count = 0;

  constructor(context: Context, file: string, progress: Progress) {
    this.#context = context;
    this.#file = file;
    this.#progress = progress;
  }

  show({ line, column, field, message }: BadRow): void {
    if (++this.#count > limits.importProblemsShownMax) return;
    this.#progress.clear();
    const place = [this.#file, line, ...(column === undefined ? [] : [column])].join(':');
    const what = field === undefined ? message : `${field} ${message}`;
    const json = { problem: { line, column, field, message } };
    this.#context.out.note(json, `${place}: ${what}`);
  }

  end(): void {
    const hidden = this.#count - limits.importProblemsShownMax;
    if (hidden > 0) this.#context.out.message(`… and ${countText(hidden, 'more bad row')}.`);
  }
}

async function exportFile(context: Context, args: readonly string[], options: Options): Promise<void> {
  const [path] = args;
  const { out, signal } = context;
  await context.useSpace(async (space) => {
    if (path === undefined || path === '-') {
      if (out.isTerminal) {
        throw new AverError('BAD_INPUT', 'An export is not text: name a file, or send it to one with >.');
      }
      for await (const chunk of space.export({ signal })) await out.bytes(chunk);
      return;
    }
    if (existsSync(path) && options.force !== true) {
      throw new AverError('BAD_INPUT', `${path} is there already; replace it with --force.`);
    }
    const bytes = await writeWhole(path, space.export({ signal }));
    await out.result({ file: path, space: space.id, bytes }, () => `${path} (${bytesText(bytes)})`);
  });
}

/** Written beside and renamed: a file of this name is always a whole export. */
async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const beside = `${path}.${process.pid}.tmp`;
  const target = createWriteStream(beside, { flush: true });
  try {
    await pipeline(chunks, target);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  return target.bytesWritten;
}
