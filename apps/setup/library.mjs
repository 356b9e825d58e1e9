/** The library as it is published: JavaScript and declarations in `dist/src` and `dist/apps/peer`. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runOrFail, say } from './process.mjs';

export async function buildLibrary() {
  say('building the library');
  // What was renamed or deleted would be published otherwise.
  for (const folder of ['dist/src', 'dist/apps']) {
    rmSync(join(ROOT, folder), { recursive: true, force: true });
  }
  await runOrFail('Building the library', 'tsc', ['-p', 'tsconfig.build.json']);
}
