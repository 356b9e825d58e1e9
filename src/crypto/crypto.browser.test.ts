import { expect, test } from 'vitest';
import { cryptoSuite } from './crypto.suite.ts';
import { pureCrypto } from './crypto-pure.ts';
import { detectCrypto, webCrypto } from './crypto-web.ts';

cryptoSuite('crypto over WebCrypto', async () => webCrypto(crypto.subtle));
cryptoSuite('crypto in plain JavaScript', async () => pureCrypto());

test('the browser has a native engine', async () => {
  expect((await detectCrypto()).native).toBe(true);
});
