/** Two tabs of one profile: the first is the peer, the second follows it. */
import { type BrowserContext, expect, type Locator, type Page } from '@playwright/test';
import type { App } from './app.ts';

/** What the head of a tab shows that follows another one. */
export function follows(app: App): Locator {
  return app.page.getByText('follows a tab');
}

export async function twoTabs(context: BrowserContext, watched: (page: Page) => App, url: string) {
  const first = await watched(await context.newPage()).open(url);
  await expect(follows(first)).toBeHidden();
  const second = await watched(await context.newPage()).open(url);
  await expect(follows(second)).toBeVisible();
  return { first, second };
}
