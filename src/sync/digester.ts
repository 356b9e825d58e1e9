/** Sends digests of one space to a few peers, and judges those that come. */

import type { Run } from '../assertion/model.ts';
import { equalBytes } from '../base/bytes.ts';
import { toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { pause } from './deadline.ts';
import { buildDigest, NONCE_BYTES, packDigest, RecentAuthors, showsGap, unpackDigest } from './digest.ts';
import type { Link } from './link.ts';
import type { DigestRequest } from './messages.ts';
import type { PeerSet } from './peer-set.ts';
import type { PeerSync } from './peer-sync.ts';

export interface DigesterOptions {
  readonly replica: Replica;
  readonly ports: Ports;
  readonly peers: PeerSet;
  /** A gap starts a sync after this long. */
  readonly replyMs: number;
  /** A digest showed a gap. */
  readonly onGap: () => void;
}

/** Peers that a digest goes to, of `n` (ICG-46): enough to reach everybody in a few rounds, never all. */
export function fanOut(n: number): number {
  const wish = Math.ceil(Math.log2(Math.max(1, n)) + 1);
  return Math.min(limits.digestFanOutMax, Math.max(limits.digestFanOutMin, wish));
}

export class Digester {
  readonly #options: DigesterOptions;
  readonly #authors = new RecentAuthors();
  #secondMs = 0;
  #inSecond = 0;

  constructor(options: DigesterOptions) {
    this.#options = options;
    // A rate needs a beginning: without one nobody would notice that there never was a digest.
    options.ports.metrics.add('digests_sent', 0);
    for (const tip of options.replica.frontier.tips()) this.#authors.note(tip.author);
  }

  /** Chains grew. */
  note(runs: readonly Run[]): void {
    for (const run of runs) this.#authors.note(run.author);
  }

  /** Whether there is something to tell of, and somebody to tell it to. */
  get isDue(): boolean {
    const { replica, peers } = this.#options;
    return replica.count > 0 && peers.shared().length > 0;
  }

  /**
   * A digest to a few peers, one after the other, so that whatever else happens comes in between; none
   * while there is nothing to tell of. A failure with one does not stop the others.
   */
  async emit(): Promise<void> {
    const { peers, ports } = this.#options;
    ports.metrics.add('digest_rounds', 1, { result: this.isDue ? 'sent' : 'nothing' });
    if (!this.isDue) return;
    for (const peer of peers.sample(fanOut(peers.shared().length))) {
      if (peer.signal.aborted) return;
      this.#send(peer).catch((error: unknown) => {
        const { code, message } = toAverError(error);
        ports.log.write('debug', 'could not send a digest', { code, message });
      });
      await pause(ports.clock, limits.digestSpreadMs);
    }
  }

  async #send(peer: PeerSync): Promise<void> {
    const { replica, ports } = this.#options;
    const { root } = peer.view;
    const isEqual = root !== undefined && equalBytes(root, replica.frontier.trie.root);
    const authors = this.#authors.since(peer.digests.sentChange);
    const { change } = this.#authors;
    const digest = buildDigest(replica, authors, ports.random.bytes(NONCE_BYTES), !isEqual);
    const request = await packDigest(replica.space.tag, digest);
    ports.metrics.add('digests_sent');
    await peer.link.channel.ask(request, { signal: peer.signal });
    peer.digests.sentChange = change;
  }

  /** Throws `BAD_ENCODING` for what is no digest; that counts as a fault of the peer. */
  async receive(link: Link, request: DigestRequest): Promise<void> {
    const { replica, peers, ports, replyMs, onGap } = this.#options;
    const peer = peers.get(link.peerId);
    const nowMs = ports.clock.nowMs();
    ports.metrics.add('digests_received');
    if (peer === undefined) return;
    if (peer.digests.isEarly(nowMs)) {
      if (peer.digests.isFlood(nowMs)) link.fault('BAD_ENCODING', 'The peer sends digests in a flood.');
      return ports.metrics.add('digests_dropped', 1, { why: 'early' });
    }
    if (this.#isTooMuch(nowMs)) return ports.metrics.add('digests_dropped', 1, { why: 'full' });
    const digest = await unpackDigest(request).catch((error: unknown) => {
      const { code, message } = toAverError(error);
      link.fault(code, message);
      throw error;
    });
    if (peer.digests.isRepeated(digest.nonce, nowMs)) {
      link.fault('BAD_ENCODING', 'The peer repeats a digest.');
      return ports.metrics.add('digests_dropped', 1, { why: 'repeated' });
    }
    if (equalBytes(digest.root, replica.frontier.trie.root)) return;
    peer.digests.keep(digest);
    if (!showsGap(replica, digest)) return;
    onGap();
    peer.schedule(replyMs);
  }

  /** A crowd's digests are judged a few at a time: they are hints, and the next ones come soon. */
  #isTooMuch(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#secondMs) >= 1000) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
    }
    return ++this.#inSecond > limits.digestsPerSecondMax;
  }
}
