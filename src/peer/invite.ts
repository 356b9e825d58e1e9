/**
 * Invites: what lets somebody into a space, as the fragment of a link, as text, or as a QR code.
 *
 * `[1, genesis, [[peer id, places] …], expires at (ms), secret|null, author seed|null,
 * author key|null, admission|null]` in
 * canonical CBOR, four bytes of BLAKE3 against damage in front, in base64url. Fragments never leave
 * the browser, so a link can carry the secret. An invite is a bearer token: who has it, is in.
 */

import { type Admission, readAdmission, writeAdmission } from '../assertion/admission.ts';
import { base64UrlToBytes, bytesToBase64Url, concatBytes, equalBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { blake3 } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { identifySpace, type SpaceIdentity } from '../set/genesis.ts';

const VERSION = 1;
const CHECK_BYTES = 4;
const TEXT_CHARS_MAX = 32_768;

export interface InviteContent {
  readonly genesisBytes: Uint8Array;
  readonly addresses: readonly string[];
  readonly expiresAtMs: number;
  readonly secret: Uint8Array | null;
  /** Seed of an author key made for the invited person; null when the admission is for a key of theirs. */
  readonly authorSeed: Uint8Array | null;
  /** The author key that the admission is for; null without one. */
  readonly author: Uint8Array | null;
  readonly admit: Admission | null;
}

export interface OpenedInvite extends InviteContent {
  readonly space: SpaceIdentity;
}

export function encodeInvite(content: InviteContent): string {
  const body = encodeBody(content);
  return bytesToBase64Url(concatBytes(blake3(body).subarray(0, CHECK_BYTES), body));
}

function encodeBody(content: InviteContent): Uint8Array {
  const writer = new CborWriter().array(8).uint(VERSION).bytes(content.genesisBytes);
  writeAddresses(writer, content.addresses.slice(0, limits.inviteAddressesMax));
  writer.uint(content.expiresAtMs);
  for (const bytes of [content.secret, content.authorSeed, content.author]) {
    if (bytes === null) writer.null();
    else writer.bytes(bytes);
  }
  writeAdmission(writer, content.admit);
  return writer.finish();
}

/** Takes a link or its text. Throws `BAD_INVITE`, `INVITE_VERSION`, `INVITE_EXPIRED`, `BAD_GENESIS`. */
export function decodeInvite(linkOrText: string, nowMs: number): OpenedInvite {
  const content = readInvite(unpack(linkOrText));
  if (content.expiresAtMs <= nowMs) {
    throw new AverError(
      'INVITE_EXPIRED',
      `The invite expired on ${new Date(content.expiresAtMs).toISOString()}.`,
    );
  }
  return { ...content, space: identifySpace(content.genesisBytes, content.secret ?? undefined) };
}

function unpack(linkOrText: string): Uint8Array {
  const text = linkOrText
    .trim()
    .replace(/^.*#/s, '')
    .replace(/^invite=/, '');
  if (text.length > TEXT_CHARS_MAX) throw new AverError('BAD_INVITE', 'The invite is too long to be one.');
  let bytes: Uint8Array;
  try {
    bytes = base64UrlToBytes(text);
  } catch (error) {
    throw new AverError('BAD_INVITE', 'The text is no invite.', { cause: error });
  }
  const body = bytes.subarray(CHECK_BYTES);
  if (
    body.length === 0 ||
    !equalBytes(bytes.subarray(0, CHECK_BYTES), blake3(body).subarray(0, CHECK_BYTES))
  ) {
    throw new AverError('BAD_INVITE', 'The invite is damaged: a part is missing or was changed.');
  }
  return body;
}

function readInvite(body: Uint8Array): InviteContent {
  const reader = new CborReader(body);
  try {
    const length = reader.array(64);
    if (reader.uint() !== VERSION)
      throw new AverError('INVITE_VERSION', 'The invite was made by a newer version.');
    if (length !== 8) throw new AverError('BAD_INVITE', 'The invite has parts too many or too few.');
    const genesisBytes = reader.bytes(limits.genesisBytesMax).slice();
    const addresses = readAddresses(reader);
    const expiresAtMs = reader.uint();
    const secret = reader.hashOrNull()?.slice() ?? null;
    const authorSeed = reader.hashOrNull()?.slice() ?? null;
    const author = reader.hashOrNull()?.slice() ?? null;
    const admit = readAdmission(reader);
    reader.end();
    const content = { genesisBytes, addresses, expiresAtMs, secret, authorSeed, author, admit };
    // One invite has one text: peers may come in one order and one group only.
    if (!equalBytes(encodeBody(content), body))
      throw new AverError('BAD_INVITE', 'The invite tells its addresses in another way than invites do.');
    return content;
  } catch (error) {
    if (isAverError(error, 'BAD_ENCODING'))
      throw new AverError('BAD_INVITE', error.message, { cause: error });
    throw error;
  }
}

/** Addresses by peer, so that a link names each peer once: `/ip4/…/tcp/…/ws` and the like at `/p2p/…`. */
function writeAddresses(writer: CborWriter, addresses: readonly string[]): void {
  const placesByPeer = new Map<string, string[]>();
  for (const address of addresses) {
    const at = address.lastIndexOf('/p2p/');
    const [place, peer] =
      at === -1 ? [address, ''] : [address.slice(0, at), address.slice(at + '/p2p/'.length)];
    placesByPeer.set(peer, [...(placesByPeer.get(peer) ?? []), place]);
  }
  writer.array(placesByPeer.size);
  for (const [peer, places] of placesByPeer) {
    writer.array(2).text(peer).array(places.length);
    for (const place of places) writer.text(place);
  }
}

function readAddresses(reader: CborReader): string[] {
  const addresses: string[] = [];
  const peers = reader.array(limits.inviteAddressesMax);
  for (let i = 0; i < peers; i++) {
    reader.array(2, 2);
    const peer = reader.text(limits.addressBytesMax);
    const places = reader.array(limits.inviteAddressesMax - addresses.length);
    for (let j = 0; j < places; j++) {
      const place = reader.text(limits.addressBytesMax);
      addresses.push(peer === '' ? place : `${place}/p2p/${peer}`);
    }
  }
  return addresses;
}
