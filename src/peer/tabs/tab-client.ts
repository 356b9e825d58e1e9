/** The side of a tab that follows: sends calls to the tab that is the peer and waits for answers. */
import { AverError } from '../../base/errors.ts';
import type { Target } from './dispatch.ts';
import { revivedError, type TabMessage } from './messages.ts';

/** The call cannot be answered any more: the peer tab is gone. Say it again to the next one. */
export class LeaderGone extends Error {}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class TabClient {
  readonly #id: string;
  readonly #post: (message: TabMessage) => void;
  /** The peer tab that is followed. */
  leader: string | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor(id: string, post: (message: TabMessage) => void) {
    this.#id = id;
    this.#post = post;
  }

  receive(message: TabMessage): void {
    if (message.type !== 'result' || message.to !== this.#id) return;
    const waiting = this.#waiting.get(message.call);
    this.#waiting.delete(message.call);
    if (message.error !== undefined) waiting?.reject(revivedError(message.error));
    else waiting?.resolve(message.value);
  }

  /** Fails everything under way with `LeaderGone`. */
  leaderGone(): void {
    for (const { reject } of this.#waiting.values()) reject(new LeaderGone());
    this.#waiting.clear();
  }

  #send(
    message: (call: number) => TabMessage,
    signal?: AbortSignal,
  ): { call: number; answer: Promise<unknown> } {
    const call = ++this.#calls;
    const to = this.leader;
    const answer = new Promise<unknown>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(call);
        this.#post({ type: 'cancel', to, from: this.#id, call });
        reject(new AverError('ABORTED', 'The caller cancelled the operation.'));
      };
      if (signal?.aborted) return reject(new AverError('ABORTED', 'The caller cancelled the operation.'));
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          signal?.removeEventListener('abort', onAbort);
          then(value);
        };
      this.#waiting.set(call, { resolve: settle(resolve), reject: settle(reject) });
      this.#post(message(call));
    });
    return { call, answer };
  }

  call(target: Target, signal?: AbortSignal): Promise<unknown> {
    return this.#send((call) => this.#call(call, target), signal).answer;
  }

  #call(call: number, target: Target): TabMessage {
    return { type: 'call', to: this.leader, from: this.#id, call, ...target };
  }

  async *iterate(target: Target, signal?: AbortSignal): AsyncIterable<unknown> {
    const to = this.leader;
    const { call, answer } = this.#send((number) => this.#call(number, target));
    try {
      await answer;
      while (!signal?.aborted) {
        const next = this.#send((step) => ({ type: 'next', to, from: this.#id, call, step }), signal).answer;
        const result = (await next) as { done: boolean; value: unknown };
        if (result.done) return;
        yield result.value;
      }
    } finally {
      this.#post({ type: 'cancel', to, from: this.#id, call });
    }
  }
}
