/**
 * Imports a file of facts in two passes: the first checks every row, the second writes bulk
 * assertions. So nothing of a bad file is half-written, unless bad rows are to be left out.
 */
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { ClaimInput, Space } from '../../../src/peer/api.ts';
import { csvRows } from './csv.ts';
import { ndjsonRows } from './ndjson.ts';
import { type BadRow, claimBytesMax, type FactsFormat, type GoodRow, type Row } from './rows.ts';

export interface FactsFile {
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  /** From its beginning, as often as asked. */
  open(): AsyncIterable<Uint8Array>;
}

export interface ImportOptions {
  readonly format: FactsFormat;
  /** Leaves bad rows out instead of refusing the file. */
  readonly keepGoing?: boolean;
  /** Takes every object of a CSV file as text. */
  readonly text?: boolean;
  readonly signal?: AbortSignal;
  readonly onProblem?: (problem: BadRow) => void;
  readonly onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  readonly phase: 'check' | 'write';
  readonly bytesDone: number;
  readonly bytesAll: number;
  readonly claims: number;
}

export interface FactsImport {
  readonly rows: number;
  readonly claims: number;
  readonly assertions: number;
  readonly skipped: number;
}

/** Throws `BAD_INPUT` when the file has bad rows and nothing may be left out. */
export async function importFacts(
  space: Space,
  file: FactsFile,
  options: ImportOptions,
): Promise<FactsImport> {
  const { good, bad, firstBad } = await checkFile(file, options);
  if (firstBad !== undefined && options.keepGoing !== true) {
    const rows = bad === 1 ? '1 bad row' : `${bad} bad rows`;
    const message = `${file.name} has ${rows}, the first in line ${firstBad.line}; nothing was written.`;
    throw new AverError('BAD_INPUT', message, { fields: { bad, good, line: firstBad.line } });
  }
  const written = await writeFile(space, file, options, bad);
  return { rows: good + bad, skipped: bad, ...written };
}

async function checkFile(
  file: FactsFile,
  options: ImportOptions,
): Promise<{ good: number; bad: number; firstBad: BadRow | undefined }> {
  let good = 0;
  let bad = 0;
  let firstBad: BadRow | undefined;
  for await (const row of rowsOf(file, options, 'check', () => good)) {
    if (row.ok) good++;
    else {
      bad++;
      firstBad ??= row;
      options.onProblem?.(row);
    }
  }
  return { good, bad, firstBad };
}

async function writeFile(
  space: Space,
  file: FactsFile,
  options: ImportOptions,
  badBefore: number,
): Promise<{ claims: number; assertions: number }> {
  const { signal } = options;
  const writer = new BulkWriter(space, signal);
  let bad = 0;
  for await (const row of rowsOf(file, options, 'write', () => writer.claims)) {
    if (row.ok) await writer.add(row);
    else if (++bad > badBefore) {
      throw new AverError('BAD_INPUT', `${file.name} changed while it was imported (line ${row.line}).`);
    }
  }
  await writer.end();
  return { claims: writer.claims, assertions: writer.assertions };
}

async function* rowsOf(
  file: FactsFile,
  options: ImportOptions,
  phase: ImportProgress['phase'],
  claims: () => number,
): AsyncGenerator<Row> {
  let bytesDone = 0;
  const { signal, onProgress } = options;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of file.open()) {
      if (signal?.aborted === true) throw new AverError('ABORTED', 'The import was cancelled.');
      yield chunk;
      bytesDone += chunk.length;
      onProgress?.({ phase, bytesDone, bytesAll: file.bytes, claims: claims() });
    }
  }
  if (options.format === 'ndjson') yield* ndjsonRows(counted());
  else yield* csvRows(counted(), options.text === true ? { text: true } : {});
}

/** Collects claims until an assertion is full; keeps some assertions under way to share their syncs. */
class BulkWriter {
  readonly #space: Space;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<Promise<void>>();
  #batch: ClaimInput[] = [];
  #bytes = 0;
  #lastLine = 0;
  #failure: { readonly error: unknown; readonly line: number } | undefined;
  /** Durable so far. */
  claims = 0;
  assertions = 0;

  constructor(space: Space, signal: AbortSignal | undefined) {
    this.#space = space;
    this.#signal = signal;
  }

  async add({ claim, bytes, line }: GoodRow): Promise<void> {
    if (this.#bytes + bytes > claimBytesMax) await this.#send();
    this.#batch.push(claim);
    this.#bytes += bytes;
    this.#lastLine = line;
  }

  async end(): Promise<void> {
    await this.#send();
    await Promise.all(this.#open);
    this.#throwFailure();
  }

  async #send(): Promise<void> {
    const batch = this.#batch;
    const line = this.#lastLine;
    this.#batch = [];
    this.#bytes = 0;
    while (this.#open.size >= limits.importWritesOpenMax) await Promise.race(this.#open);
    if (this.#failure !== undefined) await Promise.all(this.#open);
    this.#throwFailure();
    if (batch.length === 0) return;
    const write = this.#space
      .assert(batch, { signal: this.#signal })
      .then(
        () => {
          this.claims += batch.length;
          this.assertions++;
        },
        (error: unknown) => {
          this.#failure ??= { error, line };
        },
      )
      .finally(() => this.#open.delete(write));
    this.#open.add(write);
  }

  /** Says how much is there, so that nobody has to guess after a full disk. */
  #throwFailure(): void {
    if (this.#failure === undefined) return;
    const { error, line } = this.#failure;
    const code = error instanceof AverError ? error.code : 'INTERNAL';
    const why = error instanceof Error ? error.message : String(error);
    throw new AverError(
      code,
      `${why} ${this.claims} claims were written before (up to about line ${line}).`,
      {
        cause: error,
        fields: { written: this.claims, line },
      },
    );
  }
}
