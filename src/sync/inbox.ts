/** Where answers of another peer wait to be taken. */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Answer } from './messages.ts';

export interface Waiting {
  /** False when the peer was not allowed to say that much. */
  answer(answer: Answer): boolean;
  fail(error: Error): void;
}

/** Chunks that came and were not taken yet: never more than the peer was allowed. */
export class Inbox implements Waiting {
  readonly #answers: Answer[] = [];
  #allowed: number = limits.chunksAheadMax;
  #error: Error | undefined;
  #wake: () => void = () => undefined;

  answer(answer: Answer): boolean {
    if (this.#error !== undefined) return true;
    if (answer.type === 'runs' ? this.#allowed-- === 0 : this.#answers.length > limits.chunksAheadMax) {
      this.fail(new AverError('BAD_ENCODING', 'The peer sent more chunks than it was let.'));
      return false;
    }
    this.#answers.push(answer);
    this.#wake();
    return true;
  }

  /** The peer may send another chunk. */
  allow(): void {
    this.#allowed++;
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  async next(): Promise<Answer> {
    while (this.#answers.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#answers.shift() as Answer;
  }
}
