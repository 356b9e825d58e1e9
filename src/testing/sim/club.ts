/**
 * A second space beside the open one, in some simulations: secret, invited, or both. Its founder is in
 * from the beginning, some peers come by invites that take their time, and some never do.
 */

import { admit } from '../../peer/invite-maker.ts';
import type { Keyring } from '../../peer/keyring.ts';
import { encodeGenesis, hashSecret, identifySpace, type SpaceIdentity } from '../../set/genesis.ts';
import type { Action } from './plan.ts';
import { randomOf } from './seeds.ts';
import type { SimCrypto } from './sim-crypto.ts';
import { START_MS } from './sim-time.ts';

/** In the objects of all claims that are made there: nobody else may ever see it. */
export const CLUB_MARK = 'within the club';

export interface Club {
  readonly space: SpaceIdentity;
  /** The peer's name. */
  readonly founder: string;
  readonly admitterSeed: Uint8Array | undefined;
}

/** The club that a plan has, if it has one. `nameOf`: of a peer, by its number. */
export async function clubOf(
  plan: readonly Action[],
  nameOf: (peer: number) => string,
  seed: number,
  crypto: SimCrypto,
): Promise<Club | undefined> {
  const founding = plan.find((action) => action.do === 'found club');
  if (founding === undefined) return undefined;
  const random = randomOf(seed, 'club');
  const secret = founding.secret ? random.bytes(32) : undefined;
  const admitterSeed = founding.invited ? random.bytes(32) : undefined;
  const genesis = encodeGenesis({
    name: 'club',
    write: founding.invited ? 'invited' : 'open',
    read: founding.secret ? 'secret' : 'open',
    pow: [],
    payloadBytesMax: 61_440,
    admitters: admitterSeed === undefined ? [] : [await crypto.publicKey(admitterSeed)],
    secretHash: secret === undefined ? null : hashSecret(secret),
    createdMs: START_MS,
    nonce: random.bytes(16),
  });
  return { space: identifySpace(genesis, secret), founder: nameOf(founding.peer), admitterSeed };
}

/** The founder's keyring as `Peer.create` leaves it. */
export async function found(
  { space, admitterSeed }: Club,
  keyring: Keyring,
  crypto: SimCrypto,
): Promise<void> {
  if (admitterSeed !== undefined) {
    const { seed, publicKey } = await keyring.authorOf(space.id);
    await keyring.saveAdmitter(space.id, admitterSeed);
    await keyring.saveAuthor(space.id, seed, await admit(space, publicKey, admitterSeed, crypto));
  }
  await keyring.saveSpace({ space, addresses: [] });
}
