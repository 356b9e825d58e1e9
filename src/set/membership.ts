/**
 * Who is in the set: the intrinsic half of membership, decided by the bytes and the genesis alone.
 * Nothing local (clock, trust, load, order of arrival) enters here, so all peers decide alike.
 */

import { signedMessage } from '../assertion/codec.ts';
import { verifyStrict } from '../assertion/ed25519.ts';
import { type Assertion, firstOf, lastOf, type Run } from '../assertion/model.ts';
import { hasPow, powBits } from '../assertion/pow.ts';
import { AverError, type ErrorCode } from '../base/errors.ts';
import type { Crypto } from '../base/ports.ts';
import { admitMessage, type SpaceIdentity } from './genesis.ts';

const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'BAD_SIGNATURE',
  'OVERSIZE',
  'BAD_POW',
  'NOT_ADMITTED',
  'BAD_CHAIN',
  'BAD_HLC',
]);

/** Whether the error says that a run cannot be in the set, unlike a failing disk or engine. */
export function isRefusal(error: unknown): error is AverError {
  return error instanceof AverError && REFUSALS.has(error.code);
}

/** Throws `BAD_SIGNATURE`, `BAD_POW`, `NOT_ADMITTED`, or `OVERSIZE` where the space allows less. Encoding and sizes were checked by the decoder. */
export async function checkRun(run: Run, space: SpaceIdentity, crypto: Crypto): Promise<void> {
  // Work is cheap to check, a signature is not: so a flood of forgeries costs its sender the work.
  for (const assertion of run.assertions) {
    checkSize(assertion.payloadSize, space);
    checkPow(assertion, space);
  }
  const signed = await verifyStrict(crypto, run.author, signedMessage(lastOf(run).id), run.signature);
  if (!signed) throw new AverError('BAD_SIGNATURE', 'The signature does not match the run.');
  if (space.genesis.write === 'invited' && firstOf(run).seq === 1)
    await checkAdmission(firstOf(run), space, crypto);
}

/** Throws `OVERSIZE`. */
export function checkSize(payloadSize: number, { genesis }: SpaceIdentity): void {
  if (payloadSize <= genesis.payloadBytesMax) return;
  throw new AverError(
    'OVERSIZE',
    `"${genesis.name}" allows ${genesis.payloadBytesMax} bytes in one assertion.`,
    {
      fields: { bytes: payloadSize, max: genesis.payloadBytesMax },
    },
  );
}

function checkPow(assertion: Assertion, space: SpaceIdentity): void {
  const bits = powBits(space.genesis.pow, assertion.seq);
  if (!hasPow(assertion, bits)) {
    throw new AverError('BAD_POW', `Assertion ${assertion.seq} of an author needs ${bits} bits of work.`, {
      fields: { bits, seq: assertion.seq },
    });
  }
}

async function checkAdmission(first: Assertion, space: SpaceIdentity, crypto: Crypto): Promise<void> {
  const admit = first.proof?.admit ?? [];
  if (admit.length === 0)
    throw new AverError('NOT_ADMITTED', 'The author’s chain starts without an admission.');
  const message = admitMessage(space.id, first.author);
  for (const { admitter, signature } of admit) {
    const key = space.genesis.admitters[admitter];
    if (key === undefined || !(await verifyStrict(crypto, key, message, signature))) {
      throw new AverError('NOT_ADMITTED', 'The admission is not by an admitter of this space.');
    }
  }
}
