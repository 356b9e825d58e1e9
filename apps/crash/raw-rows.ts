/** The rows of a LevelDB directory, read past the Store port; and copies of directories. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

export type Row = readonly [key: Uint8Array, value: Uint8Array];

/** All rows of a store that nobody has open. LevelDB recovers its log meanwhile, so give it a copy. */
export function readRows(directory: string): Promise<Row[]> {
  return withLevel(directory, (level) => level.iterator().all());
}

async function withLevel<Result>(
  directory: string,
  use: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: false,
  });
  await level.open();
  try {
    return await use(level);
  } finally {
    await level.close();
  }
}

/** Runs `use` on a copy of a directory, and removes it. */
export async function onCopy<Result>(
  directory: string,
  use: (copy: string) => Promise<Result>,
): Promise<Result> {
  const place = mkdtempSync(join(tmpdir(), 'aver-crash-copy-'));
  try {
    const copy = join(place, 'store');
    cpSync(directory, copy, { recursive: true });
    return await use(copy);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** A row of a space that a disk may damage: by the letter of its table, and which one of the table. */
export interface RowAt {
  /** `b` runs, `i` places, `c` chains, `h` times, `s` claims, `t` tips, `n` counters. */
  readonly table: string;
  readonly index: number;
}

/** Flips one bit in the middle of the value of a row, or removes the row. */
export function damageRow(
  directory: string,
  at: RowAt | { readonly prefix: string },
  how: 'flip' | 'remove' = 'flip',
): Promise<void> {
  return withLevel(directory, async (level) => {
    const rows = await level.iterator().all();
    const row =
      'prefix' in at
        ? rows.find(([key]) => Buffer.from(key).toString('latin1').startsWith(at.prefix))
        : rows.filter(([key]) => key[0] === 0x73 && key[33] === at.table.charCodeAt(0)).at(at.index);
    if (row === undefined) throw new Error(`There is no row ${JSON.stringify(at)}.`);
    const [key, value] = row;
    if (how === 'remove') return level.del(key, { sync: true });
    const middle = value.length >> 1;
    const damaged = value.map((byte, i) => (i === middle ? byte ^ 4 : byte));
    return level.put(key, damaged, { sync: true });
  });
}
