/**
 * What `npm start`, `npm test` and the other scripts go through: plain JavaScript without packages,
 * so that it runs on a bare machine with Node 20. It brings the machine to the state that a command
 * needs, saying in one line each what it does, and then runs the command.
 */
import { join, relative } from 'node:path';
import { check } from './check.mjs';
import { ensureChromium } from './chromium.mjs';
import { consistency } from './consistency.mjs';
import { buildLibrary } from './library.mjs';
import { alone } from './lock.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { ROOT, run, SetupError, say } from './process.mjs';
import { crashBrowser, test } from './test.mjs';
import { ensureWebApp } from './web.mjs';

/** @type {Record<string, (args: string[]) => Promise<number>>} */
const COMMANDS = {
  start: async (args) => {
    await ensureWebApp();
    return runForUser('apps/peer/main.ts', ['start', ...args]);
  },
  aver: (args) => runForUser('apps/peer/main.ts', args),
  bench: (args) => runTypeScript('apps/bench/main.ts', args),
  sim: (args) => runTypeScript('apps/sim/main.ts', args),
  crash: (args) => runTypeScript('apps/crash/main.ts', args),
  fuzz: (args) => runTypeScript('apps/fuzz/main.ts', args),
  'sim:mutants': (args) => runTypeScript('apps/sim/mutants-main.ts', args),
  flood: (args) => runTypeScript('apps/flood/main.ts', args),
  soak: (args) => runTypeScript('apps/flood/soak.ts', args),
  'demo:facts': (args) => runForUser('apps/peer/demo-facts.ts', args),
  test: async (args) => {
    await ensureChromium();
    return test(args);
  },
  consistency: async (args) => {
    await ensureChromium();
    return consistency(args);
  },
  'crash:browser': async (args) => {
    await ensureChromium();
    return crashBrowser(args);
  },
  screenshots: async (args) => {
    await ensureChromium();
    await ensureWebApp();
    return runTypeScript('e2e/screenshots.ts', args);
  },
  check,
  build: async () => {
    await buildLibrary();
    await ensureWebApp();
    return 0;
  },
};

/**
 * Files that the person names are meant from where npm was called, and npm itself goes to the top folder.
 * @param {string} file
 * @param {string[]} args
 */
function runForUser(file, args) {
  const cwd = process.env.INIT_CWD ?? ROOT;
  return runTypeScript(relative(cwd, join(ROOT, file)), args, cwd);
}

/**
 * @param {string} file
 * @param {string[]} args
 * @param {string} [cwd]
 */
function runTypeScript(file, args, cwd = ROOT) {
  // Node 22 and early 24 warn that running TypeScript is new.
  return run('node', ['--disable-warning=ExperimentalWarning', file, ...args], { cwd });
}

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
try {
  if (!command)
    throw new SetupError(`no such command: ${name}; there are ${Object.keys(COMMANDS).join(', ')}`);
  await alone(async () => {
    await ensureNode();
    await ensurePackages();
  });
  process.exitCode = await command(args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
