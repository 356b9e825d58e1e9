/** Hostile peers for tests of the sync: each plays along but for its lies, between two honest peers. */
import { lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { bytesToHex } from '../base/bytes.ts';
import type { Clock } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { Frontier } from '../set/frontier.ts';
import { nodeViews } from '../sync/descent.ts';
import type { Answer, Request } from '../sync/messages.ts';
import { OWN_LIMITS } from '../sync/requests.ts';
import { answerCells, answerDiff, sketchHead } from '../sync/sketch-diff.ts';
import { testSpace } from './chains.ts';
import { RawPeer, type RawStream, type Script } from './raw-peer.ts';
import { SeededRandom } from './seeded-random.ts';
import { converged, SyncPeer, type SyncPeerOptions } from './sync-peer.ts';

/** What a liar says in place of an honest answer. */
export type Lies = Partial<Record<Request['type'], Script>>;

/** Answers as a peer with these runs does, but for the lies. */
export function actor(runs: readonly Run[], lies: Lies = {}): Script {
  const frontier = new Frontier(runs.map((run) => lastOf(run)));
  const root = frontier.root();
  const count = runs.reduce((sum, run) => sum + run.assertions.length, 0);
  const honest = (request: Request): Answer | undefined => {
    switch (request.type) {
      case 'hello':
        return { type: 'hello', proof: null, clockMs: systemClock.nowMs(), limits: OWN_LIMITS };
      case 'ping':
        return { type: 'ping', clockMs: systemClock.nowMs(), count };
      case 'roots':
        return {
          type: 'roots',
          root,
          count,
          flushed: root,
          sketch: sketchHead(frontier, root, request.root),
        };
      case 'nodes':
        return { type: 'nodes', nodes: nodeViews(frontier.trie, request.salt, request.prefixes) };
      case 'cells':
        return answerCells(frontier, request);
      case 'diff':
        return answerDiff(frontier, request);
      case 'flushed':
        return { type: 'flushed', root };
      case 'digest':
        return { type: 'ok' };
      case 'pull': {
        const authors = new Set(request.ranges.map(({ author }) => bytesToHex(author)));
        return chunk(runs.filter(({ author }) => authors.has(bytesToHex(author))));
      }
      case 'fetch':
        return chunk([]);
      default:
        return undefined;
    }
  };
  return (request, id, stream) => {
    if (request.type === 'unknown') return [];
    const lie = lies[request.type];
    if (lie !== undefined) return lie(request, id, stream);
    const answer = honest(request);
    return answer === undefined ? [] : [answer];
  };
}

/** The last chunk of an answer, or one before it. */
export function chunk(runs: readonly Run[], open = false): Answer {
  return { type: 'runs', runs: runs.map(encodeRun), open, cursor: null };
}

/** Two honest peers that know different things, not connected to each other yet, and a liar connected to both. */
export class HostileScene {
  readonly space = testSpace();
  readonly hub: MemoryHub;
  readonly a: SyncPeer;
  readonly b: SyncPeer;
  readonly liar: RawPeer;

  private constructor(hub: MemoryHub, a: SyncPeer, b: SyncPeer, liar: RawPeer) {
    this.hub = hub;
    this.a = a;
    this.b = b;
    this.liar = liar;
  }

  /** `script` of the liar, given an honest peer to make runs with. */
  static async start(
    script: (honest: SyncPeer) => Script | Promise<Script> = () => actor([]),
    options: Partial<SyncPeerOptions> & { readonly hubClock?: Clock } = {},
  ): Promise<HostileScene> {
    const hub = new MemoryHub({ clock: options.hubClock ?? systemClock, random: new SeededRandom(1) });
    const space = testSpace();
    const timing = { requestTimeoutMs: 300, antiEntropyMs: 100_000 };
    const start = (number: number) => SyncPeer.start({ hub, space, number, ...timing, ...options });
    const [a, b] = [await start(1), await start(2)];
    await a.write(2);
    await b.write(3);
    const liar = await RawPeer.start(hub, 'liar', await script(a));
    await liar.connect(a.id);
    await liar.connect(b.id);
    return new HostileScene(hub, a, b, liar);
  }

  /** A stream to an honest peer that answers it. */
  async stream(to = this.a): Promise<RawStream> {
    const stream = await this.liar.open(to.id);
    await stream.ask(this.hello);
    return stream;
  }

  get hello(): Request {
    return {
      type: 'hello',
      tag: this.space.tag,
      proof: null,
      clockMs: systemClock.nowMs(),
      limits: OWN_LIMITS,
    };
  }

  /** An honest peer's sync with the liar; how it ended does not matter. */
  async sync(peer = this.a): Promise<void> {
    await peer.sync.sync({ peerId: 'liar' }).catch(() => undefined);
  }

  /** Requests of one type that the liar was asked by both. */
  asked(type: Request['type']): number {
    return this.liar.asked.filter((request) => request.type === type).length;
  }

  faults(peer = this.a): number {
    const faults = peer.metrics.snapshot().filter(({ name }) => name === 'sync_faults');
    return faults.reduce((sum, { value }) => sum + value, 0);
  }

  /** The honest peers meet, and end with what both wrote, and with so much of what the liar gave. */
  async honestConverge(fromLiar = 0): Promise<void> {
    await this.a.connect(this.b);
    await converged([this.a, this.b], 5 + fromLiar);
  }

  async stop(): Promise<void> {
    await Promise.all([this.a.stop(), this.b.stop(), this.liar.network.stop()]);
  }
}
