/** The side of the tab that is the peer: answers the calls of the tabs that follow it. */
import { AverError } from '../../base/errors.ts';
import type { Peer } from '../api.ts';
import { dispatchCall, dispatchIteration, isIteration } from './dispatch.ts';
import { type Call, plainError, type TabMessage } from './messages.ts';

/** Calls and iterations of all tabs under way at once; a browser with more tabs waits its turn. */
const OPEN_CALLS_MAX = 512;

interface OpenCall {
  readonly abort: AbortController;
  iterator?: AsyncIterator<unknown>;
}

export class TabHost {
  readonly #peer: Peer;
  readonly #post: (message: TabMessage) => void;
  readonly #open = new Map<string, OpenCall>();
  #closed = false;

  constructor(peer: Peer, post: (message: TabMessage) => void) {
    this.#peer = peer;
    this.#post = post;
  }

  receive(message: TabMessage): void {
    if (message.type === 'call') void this.#call(message);
    else if (message.type === 'next') void this.#next(message.from, message.call, message.step);
    else if (message.type === 'cancel') this.#cancel(`${message.from}/${message.call}`);
  }

  /**
   * What ends because this tab ends is left unanswered: who waits says it again to the next peer tab,
   * while an error, or the end of a watch, would be taken for the peer's own.
   */
  #answer(message: TabMessage & { type: 'result' }): void {
    if (!this.#closed || message.value !== undefined) this.#post(message);
  }

  async #call(call: Call): Promise<void> {
    const key = `${call.from}/${call.call}`;
    const open: OpenCall = { abort: new AbortController() };
    try {
      if (this.#open.size >= OPEN_CALLS_MAX)
        throw new AverError('BUSY', 'Too many calls of other tabs are open.');
      this.#open.set(key, open);
      this.#closeWithTab(call.from, key);
      if (isIteration(call.method)) {
        open.iterator = (await dispatchIteration(this.#peer, call, open.abort.signal))[
          Symbol.asyncIterator
        ]();
        this.#answer({ type: 'result', to: call.from, call: call.call });
      } else {
        const value = await dispatchCall(this.#peer, call, open.abort.signal);
        this.#open.delete(key);
        this.#answer({ type: 'result', to: call.from, call: call.call, value });
      }
    } catch (error) {
      this.#open.delete(key);
      this.#answer({ type: 'result', to: call.from, call: call.call, error: plainError(error) });
    }
  }

  async #next(from: string, call: number, step: number): Promise<void> {
    const key = `${from}/${call}`;
    const iterator = this.#open.get(key)?.iterator;
    try {
      if (iterator === undefined) throw new AverError('BUSY', 'The peer moved to another tab meanwhile.');
      const result = await iterator.next();
      if (result.done) {
        if (this.#closed) return;
        this.#open.delete(key);
      }
      this.#answer({
        type: 'result',
        to: from,
        call: step,
        value: { done: result.done === true, value: result.value },
      });
    } catch (error) {
      this.#open.delete(key);
      this.#answer({ type: 'result', to: from, call: step, error: plainError(error) });
    }
  }

  #cancel(key: string): void {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    open.abort.abort();
    void open.iterator?.return?.();
  }

  /** A tab holds a lock of its own name while it lives: when we get it, the tab is gone. */
  #closeWithTab(tab: string, key: string): void {
    const { signal } = (this.#open.get(key) as OpenCall).abort;
    navigator.locks
      .request(`aver-tab:${tab}`, { mode: 'shared', signal }, () => this.#cancel(key))
      .catch(() => undefined);
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#open.keys()]) this.#cancel(key);
  }
}
