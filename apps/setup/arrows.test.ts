import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findFaults, importsOf, isCode, type Source } from './arrows.ts';
import { ROOT } from './process.mjs';

const BINARY = /\.(?:png|jpg|ico|woff2|webp|tgz|bin|wasm)$/;

/** All files that are committed or about to be. */
function readSources(): Source[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  return list
    .toString()
    .split('\0')
    .filter((path) => path && path !== 'package-lock.json' && !BINARY.test(path))
    .filter((path) => existsSync(join(ROOT, path)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

describe('the project’s own sources', () => {
  const sources = readSources();

  it('import only downwards, keep libp2p, stores and Node in their places, hide nothing [LEC-21], and stay under 500 lines [STC-58]', () => {
    expect(findFaults(sources)).toEqual([]);
  });

  it('are really read: every folder of src is there, with imports that were seen', () => {
    const modules = sources.filter(({ path }) => isCode(path) && path.startsWith('src/'));
    const imports = modules.flatMap(({ text }) => importsOf(text));
    expect(modules.length).toBeGreaterThan(10);
    expect(imports.filter((name) => name.startsWith('.')).length).toBeGreaterThan(modules.length);
    expect(imports).toContain('vitest');
    const silent = modules.filter(({ text }) => /\bfrom '/.test(text) && importsOf(text).length === 0);
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});

describe('a planted fault is found', () => {
  const faults = (path: string, text: string) => findFaults([{ path, text }]);

  it.each([
    ['src/base/x.ts', "import { Set } from '../set/frontier.ts';", 'higher src/set'],
    ['src/base/x.ts', "import type {\n  Set,\n} from '../set/frontier.ts';", 'higher src/set'],
    ['src/set/x.ts', "export * from '../peer/api.ts';", 'higher src/peer'],
    ['src/sync/x.ts', "import { Db } from '../store/db.ts';", 'neighbour src/store'],
    ['src/peer/x.ts', "const web = await import('../../apps/web/main.ts');", 'higher apps/web'],
    ['src/base/x.ts', "new Worker(new URL('../peer/worker.ts', import.meta.url));", 'higher src/peer'],
    ['apps/web/x.tsx', "import '../peer/main.ts';", 'neighbour apps/peer'],
    ['src/store/db.test.ts', "import { main } from '../../e2e/harness.ts';", 'a test imports'],
    ['apps/bench/x.ts', '  await using peer = start();', 'cannot parse'],
    ['src/sync/x.ts', "import { createLibp2p } from 'libp2p';", 'libp2p belongs'],
    ['src/peer/x.ts', "import type { PeerId } from '@libp2p/interface';", 'libp2p belongs'],
    ['src/peer/x.ts', "import { ClassicLevel } from 'classic-level';", 'classic-level belongs'],
    ['src/peer/x.ts', "import { readFile } from 'node:fs/promises';", 'node: modules belong'],
    ['src/store/db.browser.test.ts', "import { readFile } from 'node:fs';", 'node: modules belong'],
    ['apps/web/x.ts', "import { readFile } from 'node:fs';", 'node: modules belong'],
    ['docs/x.md', `see ${['..', 'shared'].join('/')}/x.md`, 'outside the project'],
    ['src/base/x.ts', 'const a = 1; // \u202e', 'U+202e'],
    ['docs/x.md', 'zero\u200bwidth', 'U+200b'],
    ['src/base/x.ts', '//\n'.repeat(501), '501 lines'],
  ])('%s with %j', (path, text, expected) => {
    expect(faults(path, text)).toEqual([expect.stringContaining(expected)]);
  });

  it.each([
    ['src/peer/x.ts', "import { Set } from '../set/frontier.ts';"],
    ['src/net/x.ts', "import { createLibp2p } from 'libp2p';"],
    [
      'src/store/leveldb.ts',
      "import { join } from 'node:path';\nimport { ClassicLevel } from 'classic-level';",
    ],
    [
      'src/store/db.test.ts',
      "import { tmpdir } from 'node:os';\nimport { Clock } from '../testing/clock.ts';",
    ],
    ['src/node.ts', "import { join } from 'node:path';\nimport { Peer } from './peer/peer.ts';"],
    ['src/base/x.ts', "// import { a } from '../peer/a.ts';\n * import { a } from '../peer/a.ts';"],
  ])('and %s with %j is fine', (path, text) => {
    expect(faults(path, text)).toEqual([]);
  });
});
