/** The library as it is published: JavaScript and declarations in `dist/src` and `dist/apps/peer`. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runOrFail, say } from './process.mjs';

const FOLDERS = ['dist/src', 'dist/apps'];

export async function buildLibrary() {
  say('building the library');
  for (const folder of FOLDERS) rmSync(join(ROOT, folder), { recursive: true, force: true });
  await runOrFail('Building the library', 'tsc', ['-p', 'tsconfig.build.json']);
  for (const folder of FOLDERS) rewriteUrls(join(ROOT, folder));
}

/**
 * TypeScript renames `./x.ts` to `./x.js` in imports, but not in `new URL('./x.ts', import.meta.url)`,
 * which is how a worker is named.
 * @param {string} folder
 */
function rewriteUrls(folder) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, String(name));
    if (!path.endsWith('.js')) continue;
    const text = readFileSync(path, 'utf8');
    const rewritten = urlsToJavaScript(text);
    if (rewritten !== text) writeFileSync(path, rewritten);
  }
}

/** @param {string} text */
export function urlsToJavaScript(text) {
  return text.replace(/(new URL\(\s*['"]\.{1,2}\/[^'"]+)\.ts(['"],\s*import\.meta\.url)/g, '$1.js$2');
}
