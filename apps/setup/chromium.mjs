/**
 * The Chromium that tests run in: the one that CHROMIUM names, an installed one, Playwright's own,
 * or one that is installed now.
 */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { runOrFail, runQuietly, SetupError, say } from './process.mjs';

const isRoot = process.getuid?.() === 0;

/** Flags for every test browser: no traffic of its own, and no sandbox where root cannot have one. */
export const CHROMIUM_ARGS = [
  ...(isRoot ? ['--no-sandbox'] : []),
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** Where the executable lies below a `chromium-…` folder of Playwright's cache. */
const PLAYWRIGHT_PLACES = [
  'chrome-linux64/chrome',
  'chrome-linux/chrome',
  'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
  'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
  'chrome-win64/chrome.exe',
  'chrome-win/chrome.exe',
];

/** The path of an installed Chromium, or undefined. */
export function findChromium() {
  return candidates()[0];
}

/**
 * Finds or installs a Chromium, says which one is used, and leaves it in CHROMIUM for the test
 * runners.
 */
export async function ensureChromium() {
  const found = (await findRunning()) ?? (await install());
  if (!found) {
    throw new SetupError(
      'No Chromium to test with. Install one, or name it: CHROMIUM=/path/to/chrome npm test',
    );
  }
  say(`tests use ${found.version} (${found.path})`);
  process.env.CHROMIUM = found.path;
}

function candidates() {
  const named = process.env.CHROMIUM;
  if (named) return [named];
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...onPath, ...PLACES, ...playwrightBrowsers()].filter((path) => existsSync(path));
}

async function findRunning() {
  for (const path of candidates()) {
    // Some systems put a stub where the browser would be, so ask it.
    const { code, output } = await runQuietly(path, ['--version', ...CHROMIUM_ARGS]);
    const version = /(?:Chromium|Google Chrome)[^\n]*?[\d.]+/.exec(output)?.[0] ?? 'Chromium';
    if (code === 0) return { path, version };
    if (process.env.CHROMIUM) throw new SetupError(`CHROMIUM=${path} does not run:\n${output.trim()}`);
  }
  return undefined;
}

async function install() {
  if (isRoot && existsSync('/usr/bin/apt-get')) {
    say('installing Chromium with apt-get');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await runQuietly('apt-get', ['update'], { env });
    const { output } = await runQuietly('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], {
      env,
    });
    const found = await findRunning();
    if (found) return found;
    say(`that gave no Chromium that runs: ${output.trim().split('\n').at(-1)}`);
  }
  say('installing Chromium through Playwright');
  const withLibraries = isRoot && process.platform === 'linux' ? ['--with-deps'] : [];
  await runOrFail('Installing Chromium', 'playwright', ['install', ...withLibraries, 'chromium']);
  return findRunning();
}

function playwrightBrowsers() {
  const cache = process.env.PLAYWRIGHT_BROWSERS_PATH || defaultPlaywrightCache();
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((name) => name.startsWith('chromium-'))
    .sort()
    .reverse()
    .flatMap((name) => PLAYWRIGHT_PLACES.map((place) => join(cache, name, place)));
}

function defaultPlaywrightCache() {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'ms-playwright');
  if (process.platform === 'win32') return join(process.env.LOCALAPPDATA ?? homedir(), 'ms-playwright');
  return join(homedir(), '.cache', 'ms-playwright');
}
