/**
 * Rules that no compiler checks: which floor may import which, where the platform's and the
 * network's packages may be named, and what no source file may contain.
 */

/** One file of the project: its path from the top, with `/`, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** What a file does against the rules, as a line to print. */
export type Fault = string;

/** Floors from the ground up; those in one row know nothing of each other either. */
const FLOORS: readonly (readonly string[])[] = [
  ['src/base'],
  ['src/assertion', 'src/crypto'],
  ['src/set'],
  ['src/rules'],
  ['src/net', 'src/store', 'src/sync'],
  ['src/peer'],
  ['src'],
  ['apps/setup'],
  ['apps/web', 'apps/peer', 'apps/bench', 'apps/crash'],
  // The one draws charts as the benchmarks do, the other drives processes, and its hostile peers serve the tests across processes.
  ['apps/sim', 'apps/flood'],
  ['apps/fuzz', 'e2e'],
];

/** Packages that only some files may import. */
const CONFINED: readonly { readonly what: string; readonly packages: RegExp; readonly allowed: RegExp }[] = [
  {
    what: 'libp2p belongs in src/net',
    packages: /^(?:libp2p|@libp2p\/.+|@chainsafe\/libp2p-.+|@multiformats\/.+)$/,
    allowed: /^(?:src\/net|apps\/bench|apps\/flood|e2e)\//,
  },
  {
    what: 'classic-level belongs in src/store',
    packages: /^classic-level(?:\/|$)/,
    allowed: /^(?:src\/store|apps\/bench|apps\/crash)\//,
  },
  {
    what: 'node: modules belong in apps, Node entries and *-node.ts adapters',
    packages: /^node:/,
    allowed:
      /^(?:apps\/(?:peer|bench|sim|crash|fuzz|flood|setup)|e2e)\/|^src\/node[^/]*\.ts$|^src\/.+(?:-node|\/leveldb)\.ts$|^[^/]+\.ts$/,
  },
];

const LINES_MAX = 500;

/** Controls other than tab and line feed, and format characters that change what a reader sees. */
const HIDDEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A place beside the project that nothing in it may name; put together, so that this file does not. */
const OUTSIDE = ['..', 'shared'].join('/');

/** Node 22 runs our sources as they are and cannot parse this; test runners translate it for it. */
const TOO_NEW = /^[ \t]*(?:await )?using \w+ =/m;

const IMPORTS = [
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /\bnew URL\(\s*['"](\.[^'"]+\.tsx?)['"]/g,
];

/** All that a module imports, as written: statically, dynamically, or as a worker. */
export function importsOf(text: string): string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].flatMap((match) => match[1] ?? []));
}

/** Every fault in the given files. */
export function findFaults(sources: readonly Source[]): Fault[] {
  return sources.flatMap((source) => [
    ...contentFaults(source),
    ...(isCode(source.path) ? importFaults(source) : []),
  ]);
}

/** Whether a file is code, with imports and a bound on its length. */
export function isCode(path: string): boolean {
  return /\.(?:ts|tsx|mts|mjs|js)$/.test(path);
}

function contentFaults({ path, text }: Source): Fault[] {
  const faults: Fault[] = [];
  const lines = text.split('\n').length - 1;
  if (lines > LINES_MAX && /\.(?:ts|tsx|mts|mjs|js|css)$/.test(path)) {
    faults.push(`${path}: ${lines} lines, more than ${LINES_MAX}`);
  }
  const hidden = HIDDEN.exec(text);
  if (hidden) {
    const line = text.slice(0, hidden.index).split('\n').length;
    const code = hidden[0].codePointAt(0)?.toString(16).padStart(4, '0');
    faults.push(`${path}:${line}: hidden control character U+${code}`);
  }
  if (isCode(path) && !isTest(path) && TOO_NEW.test(text))
    faults.push(`${path}: Node 22 cannot parse "using"`);
  if (text.includes(OUTSIDE)) faults.push(`${path}: names ${OUTSIDE}, which is outside the project`);
  return faults;
}

function importFaults({ path, text }: Source): Fault[] {
  return importsOf(text).flatMap((name) =>
    name.startsWith('.') ? arrowFaults(path, name) : packageFaults(path, name),
  );
}

function arrowFaults(path: string, name: string): Fault[] {
  const target = resolve(path, name);
  const from = floorOf(path);
  const to = floorOf(target);
  if (!from || !to || from.name === to.name) return [];
  if (isTest(path)) {
    // A test may put adapters together and use src/testing, but knows nothing of what people run.
    return to.row > APPS_ROW ? [`${path}: a test imports ${target}`] : [];
  }
  if (from.row < to.row) return [`${path}: ${from.name} imports the higher ${to.name} (${target})`];
  if (from.row === to.row) return [`${path}: ${from.name} imports its neighbour ${to.name} (${target})`];
  return [];
}

function packageFaults(path: string, name: string): Fault[] {
  return CONFINED.filter(
    ({ packages, allowed }) => packages.test(name) && !allowed.test(path) && !isNodeTest(path, name),
  ).map(({ what }) => `${path}: imports ${name}, but ${what}`);
}

const APPS_ROW = FLOORS.length - 2;

function floorOf(path: string): { row: number; name: string } | undefined {
  let found: { row: number; name: string } | undefined;
  for (const [row, names] of FLOORS.entries()) {
    for (const name of names) {
      if (path.startsWith(`${name}/`) && name.length > (found?.name.length ?? 0)) found = { row, name };
    }
  }
  return found;
}

function isTest(path: string): boolean {
  return /\.(?:test|suite)\.tsx?$/.test(path) || path.startsWith('e2e/');
}

/** Tests run in Node unless they say that they run in a browser. */
function isNodeTest(path: string, name: string): boolean {
  return (
    name.startsWith('node:') && /\.test\.tsx?$/.test(path) && !/\.(?:browser|both)\.test\.tsx?$/.test(path)
  );
}

function resolve(path: string, name: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
