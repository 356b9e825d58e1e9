/** Everything that the pages show of one space, kept live while the space is chosen. */
import { computed, signal } from '@preact/signals';
import type { AssertReceipt, ClaimInput, Peer, Space, SpaceStatus } from '../../../src/peer/api.ts';
import { FactFeed } from './fact-feed.ts';
import { mergePeers, syncSummary } from './peer-view.ts';
import { TrieModel } from './trie-model.ts';

type Connected = Awaited<ReturnType<Peer['peers']>>;

export class SpaceModel {
  readonly space: Space;
  readonly facts: FactFeed;
  readonly trie: TrieModel;
  readonly status = signal<SpaceStatus | undefined>(undefined);
  readonly connected = signal<Connected>([]);
  /** Bad input that peers sent and that was refused, since the space was chosen here. */
  readonly refused = signal(0);
  readonly peers = computed(() => mergePeers(this.status.value?.peers ?? [], this.connected.value));
  readonly summary = computed(() => syncSummary(this.status.value));
  /** Our root and those of all peers: the trie view follows it. */
  readonly roots = computed(() =>
    [this.status.value?.root ?? '', ...(this.status.value?.peers.map((peer) => peer.root ?? '') ?? [])].join(
      ' ',
    ),
  );

  readonly #peer: Peer;
  #ends: (() => void)[] = [];

  constructor(peer: Peer, space: Space) {
    this.#peer = peer;
    this.space = space;
    this.facts = new FactFeed(space);
    this.trie = new TrieModel(space);
  }

  async start(): Promise<void> {
    this.facts.start();
    this.#ends = [
      this.space.on('status', (status) => {
        this.status.value = status;
      }),
      this.space.on('refused', () => {
        this.refused.value++;
      }),
      this.#peer.on('peers', () => void this.#readPeers()),
      this.roots.subscribe(() => this.trie.refresh()),
    ];
    this.status.value = await this.space.status();
    await this.#readPeers();
  }

  stop(): void {
    this.facts.stop();
    this.trie.stop();
    for (const end of this.#ends.splice(0)) end();
  }

  write(claim: ClaimInput): Promise<AssertReceipt> {
    return this.space.assert(claim);
  }

  async #readPeers(): Promise<void> {
    // The peer may be stopping; then there is nobody left to show.
    this.connected.value = await this.#peer.peers().catch(() => []);
  }
}
