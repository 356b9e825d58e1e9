/** Making invites: addresses to find the mesh, and what the invite grants. */

import type { Admission } from '../assertion/admission.ts';
import { bytesToHex, equalBytes, hexToBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Crypto, Network, Ports } from '../base/ports.ts';
import { admitMessage, type SpaceIdentity } from '../set/genesis.ts';
import type { Invite, InviteOptions } from './api.ts';
import { encodeInvite } from './invite.ts';
import type { Keyring } from './keyring.ts';

export interface InviteParts {
  readonly space: SpaceIdentity;
  readonly keyring: Keyring;
  readonly network: Network;
  readonly ports: Ports;
  /** Addresses that this peer keeps dialling: Node peers that the invited can reach too. */
  readonly kept: readonly string[];
}

/** Signs an author key into an invited space. */
export async function admit(
  space: SpaceIdentity,
  author: Uint8Array,
  admitterSeed: Uint8Array,
  crypto: Crypto,
): Promise<Admission> {
  const key = await crypto.publicKey(admitterSeed);
  const admitter = space.genesis.admitters.findIndex((each) => equalBytes(each, key));
  if (admitter === -1)
    throw new AverError('NOT_ADMITTED', 'This peer’s admitter key is not named in the genesis.');
  return [{ admitter, signature: await crypto.sign(admitterSeed, admitMessage(space.id, author)) }];
}

interface Grant {
  readonly admit: Admission | null;
  readonly author: Uint8Array | null;
  readonly authorSeed: Uint8Array | null;
}

async function grantOf({ space, keyring, ports }: InviteParts, options: InviteOptions): Promise<Grant> {
  const none = { admit: null, author: null, authorSeed: null };
  if (space.genesis.write === 'open' || options.readOnly === true) return none;
  const admitterSeed = await keyring.admitterOf(space.id);
  if (admitterSeed === undefined) {
    throw new AverError(
      'NOT_ADMITTED',
      'Only the peer that created this space can let others write; invite with readOnly.',
    );
  }
  const authorSeed = options.author === undefined ? ports.random.bytes(32) : null;
  const author =
    authorSeed === null ? hexToBytes(options.author as string, 32) : await ports.crypto.publicKey(authorSeed);
  return { admit: await admit(space, author, admitterSeed, ports.crypto), author, authorSeed };
}

/** Addresses in an invite: enough to be found, few enough for a QR code that a phone can read. */
const LINK_ADDRESSES_MAX = 4;

/** Own addresses first, then those of Node peers that we reach ourselves. */
function addressesOf({ network, kept }: InviteParts): string[] {
  const reached = network.peers().filter((peer) => !peer.relayed && peer.direction === 'outbound');
  const all = new Set([...network.addresses(), ...kept, ...reached.map((peer) => peer.address)]);
  return [...all].sort((a, b) => usefulness(b) - usefulness(a)).slice(0, LINK_ADDRESSES_MAX);
}

/** Everybody can dial a WebSocket; browsers also WebRTC-direct; loopback helps on this machine alone. */
function usefulness(address: string): number {
  const transport = /\/wss?(\/|$)/.test(address) ? 2 : address.includes('/webrtc-direct/') ? 1 : 0;
  const far = /^\/(ip4\/127\.|ip6\/::1\/|dns\w*\/localhost\/)/.test(address) ? 0 : 1;
  const direct = address.includes('/p2p-circuit') ? 0 : 1;
  return 10 * direct + 2 * transport + far;
}

/** Throws `NOT_ADMITTED` where writing is asked for that this peer cannot grant. */
export async function makeInvite(parts: InviteParts, options: InviteOptions): Promise<Invite> {
  const { space, ports } = parts;
  const grant = await grantOf(parts, options);
  const expiresAtMs = Math.round(ports.clock.nowMs() + (options.ttlMs ?? limits.inviteTtlMs));
  const text = encodeInvite({
    genesisBytes: space.genesisBytes,
    addresses: options.addresses ?? addressesOf(parts),
    expiresAtMs,
    secret: space.secret ?? null,
    ...grant,
  });
  return {
    link: `${options.base ?? ''}#${text}`,
    text,
    space: bytesToHex(space.id),
    name: space.genesis.name,
    expiresAtMs,
    grants: { read: true, write: space.genesis.write === 'open' || grant.admit !== null },
  };
}
