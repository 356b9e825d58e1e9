/** A Chromium over a profile on the disk, whose tabs and whose whole process can be killed in mid-write. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import playwrightConfig from '../playwright.config.ts';
import { App } from './app.ts';

/** Long enough to tell the process of a busy tab from those that idle. */
const BUSY_MS = 150;
const TRIES_MAX = 20;

export class BrowserProfile {
  readonly #folder = mkdtempSync(join(tmpdir(), 'aver-profile-'));
  /** Processes that are known to run a tab. One may outlive it, for the service worker, and get another. */
  readonly #pages = new Map<number, Page>();
  #context: BrowserContext | undefined;
  /** What no page caught, nor may happen in one. */
  readonly errors: string[] = [];

  get context(): BrowserContext {
    if (this.#context === undefined) throw new Error('The browser does not run.');
    return this.#context;
  }

  async launch(): Promise<void> {
    this.#context = await chromium.launchPersistentContext(
      this.#folder,
      playwrightConfig.use?.launchOptions ?? {},
    );
  }

  /** A new tab, without a page in it. */
  async newTab(): Promise<App> {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message));
    return new App(page);
  }

  async open(url: string): Promise<App> {
    return (await this.newTab()).open(url);
  }

  /** As the system ends it when memory is short: every process at once, nothing is written any more. */
  async kill(): Promise<void> {
    const { context } = this;
    this.#context = undefined;
    const closed = new Promise((resolve) => context.once('close', resolve));
    for (const { id } of await processes(context, 'browser')) process.kill(id, 'SIGKILL');
    await closed;
  }

  /** The process that runs this tab: the one that gets busy with it, time and again. */
  async processOf(page: Page): Promise<number> {
    let last: number | undefined;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const busiest = await this.#busiestWith(page);
      if (busiest !== undefined && busiest === last) {
        this.#pages.set(busiest, page);
        return busiest;
      }
      last = busiest;
    }
    throw new Error('The process of the tab cannot be told from others.');
  }

  /** Of those that run no other tab that was asked for; undefined when another one is nearly as busy. */
  async #busiestWith(page: Page): Promise<number | undefined> {
    const renderers = await processes(page.context(), 'renderer');
    const before = renderers
      .filter(({ id }) => this.#pages.get(id)?.isClosed() !== false)
      .map(({ id }) => ({ id, ticks: cpuTicks(id) }));
    await page.evaluate((ms) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    }, BUSY_MS);
    const used = before.map(({ id, ticks }) => ({ id, ticks: cpuTicks(id) - ticks }));
    const [first, second] = used.sort((a, b) => b.ticks - a.ticks);
    return first !== undefined && first.ticks > 2 * (second?.ticks ?? 0) ? first.id : undefined;
  }

  async dispose(): Promise<void> {
    await this.#context?.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function processes(context: BrowserContext, type: string): Promise<{ id: number }[]> {
  const devtools = await context.browser()?.newBrowserCDPSession();
  if (devtools === undefined) throw new Error('This context has no browser of its own.');
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  return processInfo.filter((process) => process.type === type);
}

/** Time that a process has computed, in hundredths of a second; nothing for one that is gone. */
function cpuTicks(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
