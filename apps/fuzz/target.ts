/** What is fuzzed: something that takes bytes from others. */
import { isAverError } from '../../src/base/errors.ts';

export interface Target {
  readonly name: string;
  /** What its inputs are made of, and so how they are best spoiled. */
  readonly kind?: 'cbor' | 'text' | 'bytes';
  /** Sound inputs, from the real encoders; the same for the same seed. */
  readonly sound: (seed: number) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /**
   * Decodes. Returns the bytes that what it decoded to is encoded as: a canonical decoder gives back what
   * it got. Undefined where there is no encoder, or it says that its input was bad without throwing.
   */
  readonly decode: (bytes: Uint8Array) => Decoded | Promise<Decoded>;
  /** False where a sound input is a part of something, and may be refused alone. */
  readonly isWhole?: false;
  /** Share of the inputs of a run, 1 unless it is slow. */
  readonly share?: number;
}

export type Decoded = Uint8Array | undefined;

/** What became of an input. */
export type Outcome =
  | { readonly type: 'decoded' }
  | { readonly type: 'refused'; readonly code: string }
  /** A defect. */
  | { readonly type: 'crash'; readonly why: string };

export function judge(target: Target, bytes: Uint8Array): Outcome | Promise<Outcome> {
  try {
    const decoded = target.decode(bytes);
    return decoded instanceof Promise
      ? decoded.then((again) => judgeDecoded(bytes, again), judgeError)
      : judgeDecoded(bytes, decoded);
  } catch (error) {
    return judgeError(error);
  }
}

function judgeDecoded(bytes: Uint8Array, again: Decoded): Outcome {
  if (again === undefined || Buffer.compare(again, bytes) === 0) return { type: 'decoded' };
  return { type: 'crash', why: `not canonical: encoded again it is ${Buffer.from(again).toString('hex')}` };
}

/** Only typed errors are refusals, and `INTERNAL` is none. */
function judgeError(error: unknown): Outcome {
  if (isAverError(error) && error.code !== 'INTERNAL' && error.code !== undefined)
    return { type: 'refused', code: error.code };
  return { type: 'crash', why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
