import { describe, expect, it } from 'vitest';
import { base64UrlToBytes, bytesToBase64Url } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { systemRandom } from '../base/system-random.ts';
import { encodeGenesis, type Genesis, hashSecret } from '../set/genesis.ts';
import { decodeInvite, encodeInvite, type InviteContent } from './invite.ts';

const NOW = 1_700_000_000_000;

const openGenesis: Genesis = {
  name: 'commons',
  write: 'open',
  read: 'open',
  pow: [],
  payloadBytesMax: 61_440,
  admitters: [],
  secretHash: null,
  createdMs: NOW,
  nonce: new Uint8Array(16),
};

const content: InviteContent = {
  genesisBytes: encodeGenesis(openGenesis),
  addresses: ['/ip4/127.0.0.1/tcp/8080/ws'],
  expiresAtMs: NOW + 1000,
  secret: null,
  authorSeed: null,
  author: null,
  admit: null,
};

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AverError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('an invite', () => {
  it('opens from a link, from its text, and with white space around it', () => {
    const text = encodeInvite(content);
    for (const shape of [
      text,
      `http://localhost:8080/?profile=b#${text}`,
      `  ${text}\n`,
      `#invite=${text}`,
    ]) {
      const invite = decodeInvite(shape, NOW);
      expect(invite.space.genesis.name).toBe('commons');
      expect(invite.addresses).toEqual(content.addresses);
    }
  });

  it('carries an admission with its author key', () => {
    const admit = [{ admitter: 0, signature: systemRandom.bytes(64) }];
    const author = systemRandom.bytes(32);
    const opened = decodeInvite(encodeInvite({ ...content, author, authorSeed: null, admit }), NOW);
    expect(opened.admit).toEqual(admit);
    expect(opened.author).toEqual(author);
  });

  it('is refused with INVITE_EXPIRED from its last millisecond on', () => {
    expect(codeOf(() => decodeInvite(encodeInvite(content), NOW + 1000))).toBe('INVITE_EXPIRED');
  });

  it('is refused with BAD_INVITE when any one character is missing or changed', () => {
    const text = encodeInvite(content);
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'A' ? 'B' : 'A';
      expect(codeOf(() => decodeInvite(text.slice(0, i) + text.slice(i + 1), NOW))).toBe('BAD_INVITE');
      expect(codeOf(() => decodeInvite(text.slice(0, i) + other + text.slice(i + 1), NOW))).toBe(
        'BAD_INVITE',
      );
    }
  });

  it.each(['', 'hello', 'http://localhost:8080/', '💥', 'A'.repeat(40_000)])(
    'refuses %j with BAD_INVITE',
    (text) => {
      expect(codeOf(() => decodeInvite(text.slice(0), NOW))).toBe('BAD_INVITE');
    },
  );

  it('of a newer version is refused with INVITE_VERSION, not as damaged', async () => {
    const { blake3 } = await import('../base/hash.ts');
    const body = base64UrlToBytes(encodeInvite(content)).slice(4);
    body[1] = 2; // The version stands after the array's head.
    const bytes = new Uint8Array([...blake3(body).slice(0, 4), ...body]);
    expect(codeOf(() => decodeInvite(bytesToBase64Url(bytes), NOW))).toBe('INVITE_VERSION');
  });

  it('to a secret space needs the right secret', () => {
    const secret = systemRandom.bytes(32);
    const genesisBytes = encodeGenesis({ ...openGenesis, read: 'secret', secretHash: hashSecret(secret) });
    const opened = decodeInvite(encodeInvite({ ...content, genesisBytes, secret }), NOW);
    expect(opened.space.secret).toEqual(secret);
    expect(codeOf(() => decodeInvite(encodeInvite({ ...content, genesisBytes }), NOW))).toBe('SECRET_NEEDED');
    const wrong = systemRandom.bytes(32);
    expect(codeOf(() => decodeInvite(encodeInvite({ ...content, genesisBytes, secret: wrong }), NOW))).toBe(
      'BAD_INVITE',
    );
  });
});
