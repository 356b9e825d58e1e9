/** Real amounts: thousands of claims reach a tab that was not there when they were written. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../apps/setup/process.mjs';
import { expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';

const CLAIMS = 5000;

test('5,000 imported claims reach a fresh tab, with equal count and root', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const folder = mkdtempSync(join(tmpdir(), 'aver-import-'));
  try {
    const file = join(folder, 'facts.csv');
    const rows = Array.from({ length: CLAIMS }, (_, i) => `thing ${i},number,${i}`);
    writeFileSync(file, `subject,predicate,object\n${rows.join('\n')}\n`);
    const { code, stderr } = await peer.aver('import', file);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const app = await openWindow(peer.url);
  await expect(app.page.getByTestId('fact-count')).toHaveText('5,000 claims in 5,000 rows', {
    timeout: 30_000,
  });
  await expectEqualRoots([app], [async () => (await peer.status()).root]);
  const { assertions } = await peer.status();
  expect(await app.detail('Space', 'Saved here')).toBe(`${assertions} assertions by 1 author`);
});

test('`npm run demo:facts` brings the lock file into the running peer and into an open window', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  const { stdout } = await promisify(execFile)(
    'npm',
    ['run', '-s', 'demo:facts', '--', '--data', peer.data, '--json'],
    {
      cwd: ROOT,
    },
  );
  const { claims } = JSON.parse(stdout) as { claims: number };
  expect(claims).toBeGreaterThan(1000);
  const count = `${claims.toLocaleString('en')} claims`;
  await expect(app.page.getByTestId('fact-count')).toContainText(count, { timeout: 30_000 });
  await app.filter('npm/libp2p@');
  await expect(app.fact(/^npm\/libp2p@/).first()).toBeVisible();
  await expectEqualRoots([app], [async () => (await peer.status()).root]);
});
