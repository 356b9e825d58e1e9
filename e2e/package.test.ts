/**
 * What `npm pack` makes, as somebody else meets it: installed into an empty project, run in Node,
 * type-checked, and bundled by Vite for a browser without any shim.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { ROOT } from '../apps/setup/process.mjs';

const run = promisify(execFile);
const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** An application's folder outside of ours, so that nothing is found in our `node_modules`. */
let project = '';
let tarball = '';

/** Of an application: its own programs, none of ours, and no settings of the npm that runs us. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_'));
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(join(ROOT, 'node_modules')));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

function inProject(program: string, args: string[]) {
  return run(program, args, { cwd: project, env: environment(), maxBuffer: 2 ** 24 });
}

function write(name: string, text: string) {
  writeFileSync(join(project, name), text);
}

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  test.setTimeout(300_000);
  project = mkdtempSync(join(tmpdir(), 'aver-package-'));
  await run('npm', ['pack', '--loglevel=error', '--pack-destination', project], {
    cwd: ROOT,
    env: environment(),
  });
  tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
  // Overrides act only at the root of an install: an application names them as the README says.
  write('package.json', JSON.stringify({ private: true, type: 'module', overrides: own.overrides }));
  const tools = ['vite', 'typescript', '@types/node'].map((name) => `${name}@${own.devDependencies[name]}`);
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
  await inProject('npm', ['install', ...quiet, join(project, tarball), ...tools]);
});

test.afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

test('the package holds the library, the program and the web app, and no tests', async () => {
  const { stdout } = await run('tar', ['-tzf', join(project, tarball)]);
  const files = stdout.trim().split('\n');
  for (const name of [
    own.bin.aver,
    own.exports['./node'].default,
    own.exports['./browser'].types,
    'dist/web/index.html',
  ]) {
    expect(files).toContain(join('package', name));
  }
  expect(files.filter((name) => /\.test\.|(?<!\.d)\.ts$|node_modules/.test(name))).toEqual([]);
});

test('the example of the README runs in Node, with a second peer that joins by its link', async () => {
  write('example.ts', readmeExample());
  write(
    'join.ts',
    `import { createPeer } from 'aver';
     await using peer = await createPeer({ directory: './joined' });
     const space = await peer.open(process.argv[2] ?? '');
     for await (const event of space.watch()) console.log(event.type);`,
  );
  const example = startInProject('node', ['example.ts']);
  let second: Program | undefined;
  try {
    const link = await example.line(/#/);
    second = startInProject('node', ['join.ts', link]);
    await example.line(/^shape round$/);
    await example.line(/^snapshot$/);
  } finally {
    await Promise.all([example.stop(), second?.stop()]);
  }
});

test('the program is there', async () => {
  const { stdout } = await inProject(join(project, 'node_modules', '.bin', 'aver'), ['--version']);
  expect(stdout.trim()).toBe(own.version);
});

for (const resolution of ['nodenext', 'bundler']) {
  test(`its types are found with module resolution ${resolution}`, async () => {
    write(
      'types.ts',
      `import { createPeer, type Space } from 'aver';
       import { createPeer as createNodePeer } from 'aver/node';
       import { createPeer as createBrowserPeer } from 'aver/browser';
       import { VirtualClock } from 'aver/testing';
       const space: Space = await (await createPeer()).create({ name: 'notes' });
       const winner: string = (await space.get('a', 'b')).winner!.subject;
       // @ts-expect-error there is no such option
       await space.assert({ subject: 'a', predicate: 'b', objekt: winner });
       export { createNodePeer, createBrowserPeer, VirtualClock };`,
    );
    const module = resolution === 'bundler' ? 'esnext' : 'nodenext';
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2024',
      '--lib',
      'esnext,dom,dom.asynciterable',
      '--types',
      'node',
    ];
    await inProject('node', [
      'node_modules/typescript/bin/tsc',
      ...options,
      '--module',
      module,
      '--moduleResolution',
      resolution,
      'types.ts',
    ]);
  });
}

test('a Vite app that imports it builds without shims and keeps a fact in a browser', async ({ page }) => {
  test.setTimeout(120_000);
  mkdirSync(join(project, 'src'), { recursive: true });
  write(
    'index.html',
    '<!doctype html><title>app</title><output></output><script type="module" src="/src/app.js"></script>',
  );
  write(
    'src/app.js',
    `import { createPeer } from 'aver';
     const peer = await createPeer();
     const space = await peer.create({ name: 'notes' });
     await space.assert({ subject: 'rfc://9110', predicate: 'title', object: 'HTTP Semantics' });
     const { winner } = await space.get('rfc://9110', 'title');
     document.querySelector('output').textContent = winner.object;`,
  );
  const { stdout, stderr } = await inProject('node', [
    'node_modules/vite/bin/vite.js',
    'build',
    '--target',
    'es2023',
  ]);
  expect(stdout + stderr).not.toMatch(/externalized for browser compatibility|polyfill/i);

  const server = startInProject('node', [
    'node_modules/vite/bin/vite.js',
    'preview',
    '--port',
    '0',
    '--host',
    '127.0.0.1',
  ]);
  try {
    const address = /http:\/\/[\d.:]+/.exec(await server.line(/http:\/\//))?.[0] ?? '';
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(address);
    await expect(page.locator('output')).toHaveText('HTTP Semantics');
    expect(errors).toEqual([]);
  } finally {
    await server.stop();
  }
});

/** The first block of the README that imports `aver`. */
function readmeExample(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  const example = blocks.find((block) => block.includes("from 'aver'"));
  if (!example) throw new Error('README.md has no example that imports aver');
  return example;
}

interface Program {
  /** The next line of output that matches, from the beginning. Rejects when the program ends without. */
  line(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

function startInProject(program: string, args: string[]): Program {
  const child = spawn(program, args, {
    cwd: project,
    env: { ...environment(), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk);
      child.emit('output');
    });
  }
  return {
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = output
            .split('\n')
            .slice(0, -1)
            .find((line) => pattern.test(line));
          if (found !== undefined) resolve(found);
        };
        child.on('output', look);
        void ended.then(() =>
          reject(new Error(`${program} ${args[0]} ended without ${pattern}:\n${output}`)),
        );
        look();
      }),
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
