/** What every test starts from: Node peers and windows that are gone when it ends, and no error unseen. */
import { type BrowserContextOptions, test as base, type Page } from '@playwright/test';
import { App } from './app.ts';
import { BrowserProfile } from './browser-profile.ts';
import { NodePeer, type StartOptions } from './node-peer.ts';

interface Fixtures {
  /** Starts a Node peer in a process of its own. */
  readonly startPeer: (options?: StartOptions) => Promise<NodePeer>;
  /** A window with a browser profile of its own, on this page. */
  readonly openWindow: (url: string, options?: WindowOptions) => Promise<App>;
  /** A browser of its own over a profile on the disk, to be launched, killed and launched again. */
  readonly profile: BrowserProfile;
  /** Notes what goes wrong in a page: a test with an uncaught error fails. */
  readonly watched: (page: Page) => App;
}

interface WindowOptions extends BrowserContextOptions {
  /** `?profile=` in the address. */
  readonly profile?: string;
}

export const test = base.extend<Fixtures>({
  startPeer: async ({ browserName: _ }, use, info) => {
    const peers: NodePeer[] = [];
    await use(async (options) => {
      const peer = await NodePeer.start(options);
      peers.push(peer);
      return peer;
    });
    for (const [i, peer] of peers.entries()) {
      if (info.status !== info.expectedStatus)
        await info.attach(`stderr of peer ${i}`, {
          body: peer.log || '(nothing)',
          contentType: 'text/plain',
        });
      await peer.dispose();
    }
  },

  watched: async ({ browserName: _ }, use) => {
    const errors: string[] = [];
    await use((page) => {
      page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
      page.on('crash', () => errors.push('The page crashed.'));
      return new App(page);
    });
    if (errors.length > 0) throw new Error(`Uncaught in a page:\n${errors.join('\n')}`);
  },

  profile: async ({ browserName: _ }, use) => {
    const profile = new BrowserProfile();
    await use(profile);
    await profile.dispose();
  },

  openWindow: async ({ browser, watched }, use) => {
    const open: { close(): Promise<void> }[] = [];
    await use(async (url, { profile, ...options } = {}) => {
      const context = await browser.newContext(options);
      open.push(context);
      const app = watched(await context.newPage());
      return url === 'about:blank' ? app : app.open(url, profile === undefined ? {} : { profile });
    });
    for (const context of open) await context.close();
  },
});

export { expect } from '@playwright/test';
