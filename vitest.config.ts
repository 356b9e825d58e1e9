/**
 * Two projects: `node` runs all tests beside the code; `browser` runs in a real Chromium what can
 * only be tested there (`*.browser.test.ts`) and what must hold in both (`*.both.test.ts`).
 */
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_ARGS, findChromium } from './apps/setup/chromium.mjs';

const chromium = findChromium();
const BOTH = ['src/**/*.both.test.ts', 'apps/**/*.both.test.ts'];
const IN_BROWSER = ['src/**/*.browser.test.ts', 'apps/**/*.browser.test.{ts,tsx}'];

export default defineConfig({
  cacheDir: '.cache/vite',
  // Vite warns about a dynamic import inside Vitest itself.
  logLevel: 'error',
  test: {
    // Real timers on a busy machine: a test that waits for an event needs room, never a retry.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          environment: 'node',
          include: ['src/**/*.test.ts', 'apps/**/*.test.ts'],
          exclude: IN_BROWSER,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: [...IN_BROWSER, ...BOTH],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { args: CHROMIUM_ARGS, ...(chromium ? { executablePath: chromium } : {}) },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
