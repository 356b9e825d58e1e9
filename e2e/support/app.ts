/** The web app in one tab, used as a person uses it: by roles and names (apps/web/main.tsx lists them). */
import { expect, type Locator, type Page } from '@playwright/test';

export type View = 'Facts' | 'Peers' | 'Trie' | 'Status';

export class App {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Resolves when a space is open and facts can be read and written. */
  async open(url: string, options: { readonly profile?: string } = {}): Promise<this> {
    const address = new URL(url);
    if (options.profile !== undefined) address.searchParams.set('profile', options.profile);
    await this.page.goto(address.href);
    await this.ready();
    return this;
  }

  async ready(): Promise<void> {
    await expect(this.page.getByTestId('sync-summary')).toBeVisible({ timeout: 20_000 });
  }

  async show(view: View): Promise<void> {
    const tab = this.page.getByRole('tab', { name: view });
    await tab.click();
    await expect(tab).toHaveAttribute('aria-selected', 'true');
  }

  get form(): Locator {
    return this.page.getByRole('form', { name: 'Write a fact' });
  }

  /** Fills the form without sending it. */
  async fill(subject: string, predicate: string, object: string): Promise<void> {
    await this.form.getByLabel('Subject').fill(subject);
    await this.form.getByLabel('Predicate').fill(predicate);
    await this.form.getByLabel('Object').fill(object);
  }

  /** Presses "Write" on an empty outcome, so that what is said next is about this fact. */
  async send(): Promise<void> {
    const dismiss = this.form.getByRole('button', { name: 'Dismiss' });
    if (await dismiss.isVisible()) await dismiss.click();
    await this.form.getByRole('button', { name: 'Write' }).click();
  }

  get outcome(): Locator {
    return this.form.locator('.write-outcome');
  }

  /** Resolves when the app says that the fact is saved. */
  async write(subject: string, predicate: string, object: string): Promise<void> {
    await this.fill(subject, predicate, object);
    await this.send();
    await expect(this.outcome).toContainText('Saved here', { timeout: 15_000 });
  }

  get facts(): Locator {
    return this.page.getByRole('table', { name: 'Facts' });
  }

  /** The row of a subject. Only rows on the screen exist. */
  fact(subject: string | RegExp): Locator {
    return this.facts.getByRole('row').filter({ has: this.page.getByText(subject, { exact: true }) });
  }

  async hasFact(subject: string, object: string, timeout = 15_000): Promise<void> {
    await expect(this.fact(subject)).toContainText(object, { timeout });
  }

  /** Narrows the table to subjects that begin so. */
  async filter(subject: string): Promise<void> {
    await this.page.getByLabel('Subject starts with').fill(subject);
  }

  get summary(): Locator {
    return this.page.getByTestId('sync-summary');
  }

  async isEqualWith(peers: number, timeout = 20_000): Promise<void> {
    const text = `Equal with ${peers} peer${peers === 1 ? '' : 's'}`;
    await expect(this.summary).toContainText(text, { timeout });
  }

  /** The head's seal: a picture of the root. */
  async seal(): Promise<string> {
    return (await this.summary.locator('path').first().getAttribute('d')) ?? '';
  }

  /** A line of the Status view. */
  async detail(card: 'Space' | 'This peer' | 'Storage', name: string): Promise<string> {
    if ((await this.page.getByRole('region', { name: card, exact: true }).count()) === 0)
      await this.show('Status');
    const region = this.page.getByRole('region', { name: card, exact: true });
    const text = await region
      .locator('dt', { hasText: new RegExp(`^${name}$`) })
      .locator('+ dd')
      .textContent();
    return text ?? '';
  }

  root(): Promise<string> {
    return this.detail('Space', 'Root');
  }

  /** Rows of the table of peers, head excluded. Shows the view. */
  get peers(): Locator {
    return this.page.getByRole('table', { name: 'Peers' }).locator('tbody').getByRole('row');
  }
}

/**
 * Waits until all apps, and what else tells a root, show the same, which is not that of nothing.
 * Leaves the apps on the Status view.
 */
export async function expectEqualRoots(
  apps: readonly App[],
  others: readonly (() => Promise<string>)[] = [],
): Promise<void> {
  await expect(async () => {
    const roots = [...apps.map((app) => app.root()), ...others.map((read) => read())];
    const told = new Set(await Promise.all(roots));
    expect([...told]).toHaveLength(1);
    expect([...told][0]).not.toMatch(/^0*$/);
  }).toPass({ timeout: 20_000, intervals: [100] });
}
