/**
 * What an application pays for importing Aver in a browser, for size-limit to measure: the SDK
 * bundled without libp2p and its family, which an application shares with its other users.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CACHE, ROOT, runOrFail } from './process.mjs';

/** Packages that are not counted as ours. */
export const LIBP2P = /^(?:@libp2p|@chainsafe|@multiformats|libp2p)(?:\/|$)/;

/** Bundles `src/browser.ts` into `.cache/sdk`, in a process of the Node that runs the tools. */
export async function bundleSdk() {
  await runOrFail('Bundling the SDK', 'node', [join(ROOT, 'apps', 'setup', 'sizes.mjs')]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { build } = await import('vite');
  await build({
    configFile: false,
    root: ROOT,
    publicDir: false,
    logLevel: 'warn',
    build: {
      outDir: join(CACHE, 'sdk'),
      emptyOutDir: true,
      target: 'es2023',
      // Not Vite's library mode: it leaves the white space in.
      rolldownOptions: {
        input: { aver: join(ROOT, 'src', 'browser.ts') },
        preserveEntrySignatures: 'strict',
        external: LIBP2P,
      },
    },
  });
}
