/**
 * The pictures of the README: `npm run screenshots` fills `docs/images`. A Node peer with this
 * project's own dependencies as facts, a second Node peer, and three windows; nothing is staged.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from '@playwright/test';
import { ROOT } from '../apps/setup/process.mjs';
import playwrightConfig from './playwright.config.ts';
import { App } from './support/app.ts';
import { NodePeer } from './support/node-peer.ts';

const IMAGES = join(ROOT, 'docs', 'images');
const SIZE = { width: 1280, height: 800 };
/** A README is fetched often. */
const BYTES_MAX = 300_000;

async function openWindow(
  browser: Browser,
  url: string,
  colorScheme: 'light' | 'dark' = 'light',
): Promise<App> {
  const context = await browser.newContext({ viewport: SIZE, colorScheme, reducedMotion: 'reduce' });
  return new App(await context.newPage()).open(url);
}

async function take(app: App, name: string): Promise<void> {
  // Without a caret, a hint of the mouse or a notice of what was just written.
  await app.page.mouse.move(0, 0);
  await app.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  const path = join(IMAGES, name);
  await app.page.screenshot({ path, animations: 'disabled', caret: 'hide' });
  const { size } = statSync(path);
  if (size > BYTES_MAX) throw new Error(`${name} has ${size} bytes; at most ${BYTES_MAX} are wanted.`);
  process.stderr.write(`${name}: ${size} bytes\n`);
}

mkdirSync(IMAGES, { recursive: true });
const peers: NodePeer[] = [];
const browser = await chromium.launch(playwrightConfig.use?.launchOptions ?? {});
try {
  const peer = await NodePeer.start();
  peers.push(peer);
  const second = await NodePeer.start({ flags: ['--bootstrap', peer.address()] });
  peers.push(second);
  await second.api('POST', '/join', { invite: peer.invite });
  const app = await openWindow(browser, peer.url);
  const dark = await openWindow(browser, peer.url, 'dark');
  demoFacts(peer);
  const writers = [await openWindow(browser, peer.url), await openWindow(browser, peer.url), app];
  for (const [i, object] of ['green tea', 'black tea', 'rain'].entries())
    await writers[i]?.write('alice', 'likes', object);
  for (const window of [app, dark]) await window.isEqualWith(5, 60_000);

  await app.page.getByRole('button', { name: 'Dismiss' }).click();
  await app.page.getByRole('button', { name: '3 competing claims on alice likes' }).click();
  await take(app, 'app.png');
  await take(dark, 'dark.png');
  await app.show('Peers');
  await take(app, 'peers.png');
  await app.show('Trie');
  await app.page.getByRole('combobox', { name: 'Compare with' }).selectOption({ index: 1 });
  await app.page.getByText('Both roots are equal').waitFor();
  await take(app, 'trie.png');
} finally {
  await browser.close();
  for (const peer of peers) await peer.dispose();
}

function demoFacts(peer: NodePeer): void {
  const script = join(ROOT, 'apps', 'peer', 'demo-facts.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, '--data', peer.data], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}
