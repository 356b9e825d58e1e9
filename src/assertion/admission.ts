/** The admission that an author's first assertion carries in an invited space: its bytes. */
import type { CborWriter } from '../base/cbor.ts';
import type { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AdmitSignature } from './model.ts';

export type Admission = readonly AdmitSignature[];

/** `null` or `[[admitter, signature] …]`. */
export function writeAdmission(writer: CborWriter, admit: Admission | null): void {
  if (admit === null) {
    writer.null();
    return;
  }
  writer.array(admit.length);
  for (const { admitter, signature } of admit) writer.array(2).uint(admitter).bytes(signature);
}

/** Throws `BAD_ENCODING` unless there are 1 to 4 signatures, sorted by admitter and unique. */
export function readAdmission(reader: CborReader): Admission | null {
  if (reader.skipNull()) return null;
  const count = reader.array(limits.admitSignaturesMax);
  if (count === 0) throw new AverError('BAD_ENCODING', 'The admission is empty.');
  const admit: AdmitSignature[] = [];
  for (let i = 0; i < count; i++) {
    reader.array(2, 2);
    const admitter = reader.uint(limits.admittersMax - 1);
    if (admitter <= (admit[i - 1]?.admitter ?? -1)) {
      throw new AverError('BAD_ENCODING', 'Admitters are not sorted and unique.');
    }
    admit.push({ admitter, signature: reader.bytes(64, 64).slice() });
  }
  return admit;
}
