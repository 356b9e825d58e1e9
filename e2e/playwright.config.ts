/**
 * Tests of the whole: real Node peers, the built web app and several windows of a real Chromium.
 * Nothing is retried: a test that fails now and then is a failing test.
 */
import { defineConfig } from '@playwright/test';
import { CHROMIUM_ARGS, findChromium } from '../apps/setup/chromium.mjs';

const chromium = findChromium();

export default defineConfig({
  testDir: '.',
  testMatch: /\.(test|spec|e2e)\.ts$/,
  outputDir: '../.cache/playwright',
  // Each test starts peers and windows of its own; more than that at once measures the machine.
  workers: 1,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  globalTimeout: 15 * 60_000,
  expect: { timeout: 10_000 },
  use: {
    browserName: 'chromium',
    headless: true,
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    // Without the film, which costs more than the pages that it shows.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      // Peers on one machine reach each other by address, not by a name that only multicast resolves.
      args: [...CHROMIUM_ARGS, '--disable-features=WebRtcHideLocalIpsWithMdns'],
      ...(chromium ? { executablePath: chromium } : {}),
    },
  },
});
