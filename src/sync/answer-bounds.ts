/** What the answer to a pull or a fetch may be at most. The other side knows the request: only a liar goes beyond. */
import type { FetchRequest, PullRequest, RunsAnswer } from './messages.ts';

export class AnswerBounds {
  readonly #request: PullRequest | FetchRequest;
  #runs = 0;
  #bytes = 0;

  constructor(request: PullRequest | FetchRequest) {
    this.#request = request;
  }

  /** Counts one more chunk. Says what is wrong with it; undefined for what is right so far. */
  fault({ runs, open }: RunsAnswer): string | undefined {
    this.#runs += runs.length;
    for (const run of runs) this.#bytes += run.length;
    const request = this.#request;
    if (open && runs.length === 0) return 'The peer sent an empty chunk that is not the last.';
    if (request.type === 'fetch')
      return this.#runs > request.ids.length ? 'The peer sent more runs than ids were asked for.' : undefined;
    // One run is always sent.
    const isTooMuch = this.#runs > 1 && this.#bytes > request.maxBytes;
    return isTooMuch ? 'The peer sent more bytes than were asked for.' : undefined;
  }
}
