/**
 * Two tabs of one profile that write as fast as they are answered, one as the peer and one that follows
 * it. The Node peer that served the app is off meanwhile, so that it cannot give back what the browser
 * lost; at the end it is asked for everything.
 */
import { expect } from '@playwright/test';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { App } from './app.ts';
import type { BrowserProfile } from './browser-profile.ts';
import type { NodePeer } from './node-peer.ts';
import { Recorder, stopWriting } from './recorder.ts';
import { follows } from './tabs.ts';

/** What the requirements allow until another tab goes on. */
export const TAKEOVER_MS_MAX = 10_000;

export interface Tab {
  readonly app: App;
  readonly name: string;
  /** Of the process that runs it. */
  readonly pid: number;
}

export class Storm {
  readonly recorder = new Recorder();
  readonly #profile: BrowserProfile;
  readonly #peer: NodePeer;
  #tabs: Tab[] = [];
  #opened = 0;

  private constructor(profile: BrowserProfile, peer: NodePeer) {
    this.#profile = profile;
    this.#peer = peer;
  }

  /** With both tabs writing. */
  static async begin(profile: BrowserProfile, peer: NodePeer): Promise<Storm> {
    const storm = new Storm(profile, peer);
    await profile.launch();
    const first = await profile.open(peer.url);
    await first.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await peer.kill();
    await first.page.close();
    await storm.openTabs();
    return storm;
  }

  get leader(): Tab {
    return this.#tabs[0] as Tab;
  }

  get follower(): Tab {
    return this.#tabs[1] as Tab;
  }

  /** Opens what is missing of two tabs, and waits until both are told that something is saved. */
  async openTabs(): Promise<void> {
    while (this.#tabs.length < 2) await this.openTab();
    await this.saved(...this.#tabs);
  }

  /** One more, which writes. */
  async openTab(): Promise<void> {
    const app = await this.#profile.open(this.#peer.url);
    const tab = { app, name: `tab-${++this.#opened}`, pid: await this.#profile.processOf(app.page) };
    this.#tabs.push(tab);
    await expect(follows(app)).toBeVisible({ visible: this.#tabs.length > 1 });
    await this.recorder.write(app.page, tab.name);
  }

  /** Resolves when all of these tabs are told from now on that something is saved. */
  async saved(...tabs: readonly Tab[]): Promise<void> {
    await Promise.all(tabs.map(({ name }) => this.recorder.next(name)));
  }

  /** Ends the tab that is the peer. Returns the time until the other one is, and is told that something is saved. */
  async endLeader(end: (leader: Tab) => Promise<unknown>, timeoutMs = TAKEOVER_MS_MAX): Promise<number> {
    const next = this.follower;
    const startMs = performance.now();
    await end(this.leader);
    this.#tabs = [next];
    await expect(follows(next.app)).toBeHidden({ timeout: timeoutMs });
    await this.recorder.next(next.name, TAKEOVER_MS_MAX);
    return performance.now() - startMs;
  }

  /** Opens one more tab, up to so many, or closes any of them but the last in mid-write. */
  async openOrClose(random: SeededRandom, tabsMax: number): Promise<void> {
    const count = this.#tabs.length;
    if (count === 1 || (count < tabsMax && random.integer(2) === 0)) await this.openTab();
    else {
      const [closed] = this.#tabs.splice(random.integer(count), 1);
      await closed?.app.page.close();
    }
  }

  /** SIGKILL of the whole browser, and a new one over the same profile. */
  async restartBrowser(): Promise<void> {
    await this.#profile.kill();
    this.#tabs = [];
    await this.#profile.launch();
  }

  /** Ends the writing, and holds what was acknowledged against what the browser has. Returns figures. */
  async end(): Promise<object> {
    for (const { app } of this.#tabs) await stopWriting(app.page);
    await this.#peer.restart();
    await this.leader.app.isEqualWith(1, 60_000);
    const held = await this.recorder.expectAllAt(this.#peer);
    expect(held.authors, 'author keys').toBe(1);
    expect([...this.recorder.refusals]).toEqual([]);
    expect(this.#profile.errors).toEqual([]);
    return { acknowledged: this.recorder.acknowledged.length, ...held };
  }
}
