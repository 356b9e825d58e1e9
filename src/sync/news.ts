/** Tells peers of news by comparing roots with them: they pull what push did not bring. */
import { equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import type { SyncIntervals } from './intervals.ts';
import type { PeerSet } from './peer-set.ts';
import type { PeerSync } from './peer-sync.ts';

export interface NewsOptions {
  readonly replica: Replica;
  readonly ports: Ports;
  readonly intervals: SyncIntervals;
  readonly peers: PeerSet;
}

export class News {
  readonly #options: NewsOptions;
  #cancelQuiet: () => void = () => undefined;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** Others may lack what a pull or a file brought: compare roots soon, with each at most once a second. */
  tell(from?: PeerSync): void {
    const { ports, intervals, peers } = this.#options;
    const nowMs = ports.clock.nowMs();
    for (const peer of peers.sample(limits.newsPeersMax)) {
      if (peer === from) continue;
      // Who will be told soon hears of this too; a time further off is one before the clock was set back.
      const waitMs = peer.toldMs - nowMs;
      if (waitMs > 0 && waitMs <= intervals.newsIntervalMs + intervals.newsJitterMs) continue;
      const jitterMs = intervals.newsJitterMs * ports.random.number();
      const delayMs = Math.max(jitterMs, peer.toldMs + intervals.newsIntervalMs - nowMs);
      peer.toldMs = nowMs + delayMs;
      peer.schedule(delayMs);
    }
  }

  /** Where pushes arrived there is nothing to do: look once no more come, where roots still differ. */
  tellOnceQuiet(): void {
    const { replica, ports, intervals, peers } = this.#options;
    this.#cancelQuiet();
    const delayMs = intervals.newsQuietMs + intervals.newsJitterMs * ports.random.number();
    this.#cancelQuiet = ports.clock.setTimer(delayMs, () => {
      const { root } = replica.frontier.trie;
      for (const peer of peers.sample(limits.newsPeersMax)) {
        const isEqual = peer.view.root !== undefined && equalBytes(peer.view.root, root);
        if (!isEqual) peer.schedule(intervals.newsJitterMs * ports.random.number());
      }
    });
  }

  stop(): void {
    this.#cancelQuiet();
  }
}
