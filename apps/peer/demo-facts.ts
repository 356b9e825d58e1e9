/**
 * `npm run demo:facts`: the project's own package-lock.json as facts (each package's version, licence,
 * dependencies …), written through the same import as any other file.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClaimInput } from '../../src/peer/api.ts';
import { packageRoot } from './package-root.ts';
import { runProcess } from './process.ts';

interface LockedPackage {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
}

/** Packages by their place: `node_modules/a/node_modules/b`; `''` is the project itself. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

const MODULES = 'node_modules/';

/** The claims that a lock file makes. The same package at the same version is told once. */
export function lockToClaims(packages: LockedPackages): readonly ClaimInput[] {
  const claims = new Map<string, ClaimInput>();
  for (const [place, locked] of Object.entries(packages)) {
    const subject = subjectOf(place, locked);
    const add = (predicate: string, object: string | boolean | undefined): void => {
      if (object === undefined || object === '') return;
      claims.set(JSON.stringify([subject, predicate, object]), { subject, predicate, object });
    };
    add('name', nameOf(place, locked));
    add('version', locked.version);
    add('licence', locked.license);
    add('resolved', locked.resolved);
    add('integrity', locked.integrity);
    add('nodeVersions', locked.engines?.node);
    add('usedFor', locked.dev === true ? 'development' : 'running');
    if (locked.optional === true) add('optional', true);
    for (const name of Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })) {
      add('dependsOn', dependency(packages, place, name));
    }
  }
  return [...claims.values()];
}

function nameOf(place: string, locked: LockedPackage): string {
  return locked.name ?? place.slice(place.lastIndexOf(MODULES) + MODULES.length);
}

function subjectOf(place: string, locked: LockedPackage): string {
  return `npm/${nameOf(place, locked)}@${locked.version ?? 'unknown'}`;
}

/** The installed package that `name` means at `place`: the nearest one up the tree, as Node finds it. */
function dependency(packages: LockedPackages, place: string, name: string): string | undefined {
  let at = place;
  for (;;) {
    const candidate = `${at === '' ? '' : `${at}/`}${MODULES}${name}`;
    const found = packages[candidate];
    if (found !== undefined) return subjectOf(candidate, found);
    // Optional dependencies of other platforms are not installed.
    if (at === '') return undefined;
    at = at.slice(0, Math.max(0, at.lastIndexOf(MODULES) - 1));
  }
}

async function main(args: readonly string[]): Promise<number> {
  const lock = await readFile(join(packageRoot(), 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as { readonly packages: LockedPackages };
  const claims = lockToClaims(packages);
  process.stderr.write(
    `package-lock.json: ${claims.length} facts about ${Object.keys(packages).length} packages\n`,
  );
  const dir = await mkdtemp(join(tmpdir(), 'aver-demo-'));
  try {
    const file = join(dir, 'package-lock.ndjson');
    await writeFile(file, claims.map((claim) => `${JSON.stringify(claim)}\n`).join(''));
    return await runProcess(['import', file, ...args]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
