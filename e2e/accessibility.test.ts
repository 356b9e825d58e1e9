/** Everybody can use it: axe finds nothing serious, and the keyboard is enough. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import type { View } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';

const VIEWS: readonly View[] = ['Facts', 'Peers', 'Trie', 'Status'];

async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`),
    );
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing serious in any view or dialog, ${colorScheme}`, async ({
    startPeer,
    openWindow,
  }) => {
    const peer = await startPeer();
    const other = await openWindow(peer.url);
    await other.write('earth', 'shape', 'round');
    const app = await openWindow(peer.url, { colorScheme, reducedMotion: 'reduce' });
    await app.write('earth', 'shape', 'flat');
    await app.page.getByRole('button', { name: '2 competing claims on earth shape' }).click();
    await app.isEqualWith(2);
    for (const view of VIEWS) {
      await app.show(view);
      if (view === 'Peers') await expect(app.peers).toHaveCount(2);
      expect(await findings(app.page), view).toEqual([]);
    }
    for (const name of ['New space', 'Join', 'Invite']) {
      await app.page.getByRole('button', { name, exact: true }).click();
      await expect(app.page.getByRole('dialog')).toBeVisible();
      expect(await findings(app.page), name).toEqual([]);
      await app.page.keyboard.press('Escape');
    }
    // Colours were looked at; a narrow page has another layout, but no others.
    if (colorScheme === 'dark') return;
    await app.page.setViewportSize({ width: 360, height: 740 });
    for (const view of VIEWS) {
      await app.show(view);
      expect(await findings(app.page), `${view}, on a phone`).toEqual([]);
    }
  });
}

test('with the keyboard alone one writes a fact, changes views, opens and closes a dialog', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  const { page } = app;
  const { keyboard } = page;
  const focused = page.locator(':focus');

  await keyboard.press('Tab');
  await expect(focused).toHaveText('Skip to content');
  await keyboard.press('Enter');
  await keyboard.press('Tab');
  await expect(app.form.getByLabel('Subject')).toBeFocused();
  await keyboard.type('earth');
  await keyboard.press('Tab');
  await keyboard.type('shape');
  await keyboard.press('Tab');
  await keyboard.type('round');
  await keyboard.press('Enter');
  await app.hasFact('earth', 'round');
  await expect(app.form.getByLabel('Subject')).toBeFocused();

  // Backwards to the views, of which one is in the tab order; arrows lead to the others.
  await keyboard.press('Shift+Tab');
  await expect(page.getByRole('tab', { name: 'Facts' })).toBeFocused();
  for (const view of ['Peers', 'Trie', 'Status']) {
    await keyboard.press('ArrowRight');
    await expect(page.getByRole('tab', { name: view })).toBeFocused();
    await expect(page.getByRole('tab', { name: view })).toHaveAttribute('aria-selected', 'true');
  }
  await keyboard.press('Home');
  await expect(page.getByRole('tab', { name: 'Facts' })).toBeFocused();

  await keyboard.press('Shift+Tab');
  const invite = page.getByRole('button', { name: 'Invite', exact: true });
  await expect(invite).toBeFocused();
  await keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Invite to commons' });
  await expect(dialog.getByRole('textbox', { name: 'Link' })).toBeVisible();
  // Focus stays in the dialog, however often one presses Tab.
  for (let i = 0; i < 12; i++) {
    await keyboard.press('Tab');
    const outside = await page.evaluate(
      () => document.activeElement !== document.body && document.activeElement?.closest('dialog') === null,
    );
    expect(outside).toBe(false);
  }
  await keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(invite).toBeFocused();
});
