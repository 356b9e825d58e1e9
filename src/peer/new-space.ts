/** The making of a space: its genesis, its secret, and the first admission. */

import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import { DEFAULT_POW, encodeGenesis, hashSecret, identifySpace, type SpaceIdentity } from '../set/genesis.ts';
import type { CreateSpaceOptions } from './api.ts';
import { admit } from './invite-maker.ts';
import type { Keyring } from './keyring.ts';

/** Saves the space, and in an invited one the admitter key and this peer's own admission. */
export async function newSpace(
  options: CreateSpaceOptions,
  keyring: Keyring,
  ports: Pick<Ports, 'clock' | 'random' | 'crypto'>,
): Promise<SpaceIdentity> {
  const name = options.name.normalize('NFC').trim();
  if (name === '') throw new AverError('BAD_INPUT', 'A space needs a name.');
  const { write = 'open', read = 'open' } = options;
  const { random, crypto, clock } = ports;
  const secret = read === 'secret' ? random.bytes(32) : undefined;
  const admitterSeed = write === 'invited' ? random.bytes(32) : undefined;
  const genesisBytes = encodeGenesis({
    name,
    write,
    read,
    pow: write === 'open' ? (options.pow ?? DEFAULT_POW) : [],
    payloadBytesMax: options.payloadBytesMax ?? limits.assertionBytesMax,
    admitters: admitterSeed === undefined ? [] : [await crypto.publicKey(admitterSeed)],
    secretHash: secret === undefined ? null : hashSecret(secret),
    createdMs: Math.round(clock.nowMs()),
    nonce: random.bytes(16),
  });
  const space = identifySpace(genesisBytes, secret);
  if (admitterSeed !== undefined) {
    const { seed, publicKey } = await keyring.defaultAuthor();
    await keyring.saveAdmitter(space.id, admitterSeed);
    await keyring.saveAuthor(space.id, seed, await admit(space, publicKey, admitterSeed, crypto));
  }
  await keyring.saveSpace({ space, addresses: [] });
  return space;
}
