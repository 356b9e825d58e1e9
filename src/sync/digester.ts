/** Sends digests of one space to a few peers, and judges those that come. */

import type { Run } from '../assertion/model.ts';
import { equalBytes } from '../base/bytes.ts';
import { toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
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
  readonly signal: AbortSignal;
}

/** Peers that a digest goes to, of `n` (ICG-46): enough to reach everybody in a few rounds, never all. */
export function fanOut(n: number): number {
  const wish = Math.ceil(Math.log2(Math.max(1, n)) + 1);
  return Math.min(limits.digestFanOutMax, Math.max(limits.digestFanOutMin, wish));
}

export class Digester {
  readonly #options: DigesterOptions;
  readonly #authors = new RecentAuthors();

  constructor(options: DigesterOptions) {
    this.#options = options;
    for (const tip of options.replica.frontier.tips()) this.#authors.note(tip.author);
  }

  /** Chains grew. */
  note(runs: readonly Run[]): void {
    for (const run of runs) this.#authors.note(run.author);
  }

  /** A digest to a few peers; none while there is nothing to tell of. A failure with one does not stop the others. */
  emit(): void {
    const { replica, peers, ports } = this.#options;
    if (replica.count === 0) return;
    for (const peer of peers.sample(fanOut(peers.shared().length))) {
      this.#send(peer).catch((error: unknown) => {
        const { code, message } = toAverError(error);
        ports.log.write('debug', 'could not send a digest', { code, message });
      });
    }
  }

  async #send(peer: PeerSync): Promise<void> {
    const { replica, ports, signal } = this.#options;
    const { root } = peer.view;
    const isEqual = root !== undefined && equalBytes(root, replica.frontier.trie.root);
    const authors = this.#authors.since(peer.digests.sentChange);
    const { change } = this.#authors;
    const digest = buildDigest(replica, authors, ports.random.bytes(NONCE_BYTES), !isEqual);
    const request = await packDigest(replica.space.tag, digest);
    ports.metrics.add('digests_sent');
    await peer.link.channel.ask(request, { signal });
    peer.digests.sentChange = change;
  }

  /** Throws `BAD_ENCODING` for what is no digest; that counts as a fault of the peer. */
  async receive(link: Link, request: DigestRequest): Promise<void> {
    const { replica, peers, ports, replyMs } = this.#options;
    const peer = peers.get(link.peerId);
    const nowMs = ports.clock.nowMs();
    ports.metrics.add('digests_received');
    if (peer === undefined) return;
    if (peer.digests.isEarly(nowMs)) {
      if (peer.digests.isFlood()) link.fault('BAD_ENCODING', 'The peer sends digests in a flood.');
      return ports.metrics.add('digests_dropped', 1, { why: 'early' });
    }
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
    if (showsGap(replica, digest)) peer.schedule(replyMs);
  }
}
