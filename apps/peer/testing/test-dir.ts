/** A temporary directory that is removed at the end of a test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestDir extends AsyncDisposable {
  readonly path: string;
}

export async function testDir(): Promise<TestDir> {
  const path = await mkdtemp(join(tmpdir(), 'aver-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
