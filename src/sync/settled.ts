/**
 * Waits until other peers durably hold what we hold. Each peer is asked for its flushed root and
 * answers as soon as that moves: nothing polls. A peer holds it when its flushed frontier dominates
 * ours: every tip of ours is there, or covered by a later one of the same chain.
 */
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Clock, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import type { Trie } from '../set/trie.ts';
import { pause } from './deadline.ts';
import type { Diff } from './descent.ts';
import type { Link } from './link.ts';
import type { FlushedRequest } from './messages.ts';
import { findDiff } from './session.ts';

/** After a failed or refused request: long enough to spare the peer, short enough for a person who waits. */
const RETRY_MS = 500;

export interface SettledParts {
  readonly replica: Replica;
  readonly ports: Ports;
  /** Connected peers that share the space. */
  readonly peers: () => readonly { readonly link: Link }[];
  readonly onPeers: (listener: () => void) => () => void;
  readonly stopped: AbortSignal;
}

export function settled(parts: SettledParts, replicas: number, options: AbortOptions): Promise<string[]> {
  const { replica } = parts;
  replica.frontier.root();
  const target = replica.frontier.trie;
  const done = new Set<string>();
  const watched = new Map<string, Link>();
  const end = new AbortController();
  return new Promise<string[]>((resolve, reject) => {
    const onAbort = () => {
      const code = parts.stopped.aborted ? 'CLOSED' : 'ABORTED';
      finish(() => reject(new AverError(code, 'The wait for replicas was cancelled.')));
    };
    const finish = (settle: () => void) => {
      end.abort();
      stop();
      parts.stopped.removeEventListener('abort', onAbort);
      options.signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const check = () => {
      if (done.size >= replicas && !end.signal.aborted) finish(() => resolve([...done]));
    };
    const watchNew = () => {
      for (const { link } of parts.peers()) {
        if (watched.get(link.peerId) === link || done.has(link.peerId)) continue;
        watched.set(link.peerId, link);
        watchPeer(parts, link, target, end.signal).then(
          (holds) => {
            if (holds) done.add(link.peerId);
            // It shares the space no more, or not yet: when it says hello again, it is asked again.
            else watched.delete(link.peerId);
            check();
          },
          () => undefined,
        );
      }
    };
    const stop = parts.onPeers(watchNew);
    if (parts.stopped.aborted || options.signal?.aborted) return onAbort();
    parts.stopped.addEventListener('abort', onAbort, { once: true });
    options.signal?.addEventListener('abort', onAbort, { once: true });
    watchNew();
    check();
  });
}

/** The asked side: our flushed root, as soon as it is another than the one that the peer has seen. */
export async function whenFlushed(
  { frontier, events }: Replica,
  clock: Clock,
  request: FlushedRequest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const isNew = () => request.unlike === null || !equalBytes(frontier.flushed.root, request.unlike);
  if (isNew()) return frontier.flushed.root;
  const wake = new AbortController();
  const stop = events.on('flushed', () => {
    if (isNew()) wake.abort();
  });
  await pause(clock, request.waitMs, AbortSignal.any([wake.signal, signal])).catch(() => undefined);
  stop();
  return frontier.flushed.root;
}

/** True once the peer's flushed set holds the target; false when the peer is gone. */
async function watchPeer(
  parts: SettledParts,
  link: Link,
  target: Trie,
  signal: AbortSignal,
): Promise<boolean> {
  const { replica, ports } = parts;
  let seen: Uint8Array | null = null;
  while (!signal.aborted && !link.isClosed && link.shares(replica.space)) {
    try {
      const root: Uint8Array = await flushedRoot(parts, link, seen, signal);
      const isNew = seen === null || !equalBytes(seen, root);
      seen = root;
      if (isNew && (await holds(parts, link, target, root, signal))) return true;
      // What it has beyond ours may cover ours only once we know it: look again when we do.
      if (!isNew) seen = null;
      if (seen === null) await pause(ports.clock, RETRY_MS, signal);
    } catch {
      await pause(ports.clock, RETRY_MS, signal).catch(() => undefined);
      seen = null;
    }
  }
  return false;
}

async function flushedRoot(
  { replica }: SettledParts,
  link: Link,
  unlike: Uint8Array | null,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { tag } = replica.space;
  const request = { type: 'flushed', tag, unlike, waitMs: limits.flushedWaitMs } as const;
  const answer = await link.channel.ask(request, { signal });
  if (answer.type === 'stale') throw new AverError('BAD_ENCODING', 'A flushed root cannot be stale.');
  return answer.root.slice();
}

async function holds(
  parts: SettledParts,
  link: Link,
  target: Trie,
  root: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  if (equalBytes(root, target.root)) return true;
  const diff = await findDiff({ replica: parts.replica, ports: parts.ports, link, signal }, target, root);
  return diff?.complete === true && diff.omitted === 0 && covers(parts.replica, diff);
}

/** Whether each tip that only we have is followed there by a later one of its chain, as far as we know the chain. */
function covers(replica: Replica, diff: Diff): boolean {
  const knownByAuthor = new Map<string, number>();
  for (const tip of diff.theirs) {
    if (!tip.known) continue;
    const author = bytesToHex(tip.author);
    knownByAuthor.set(author, Math.max(knownByAuthor.get(author) ?? 0, tip.seq));
  }
  return diff.mine.every(
    (tip) =>
      // On a forked chain a higher seq need not follow ours.
      !replica.frontier.isForked(tip.author) && (knownByAuthor.get(bytesToHex(tip.author)) ?? 0) >= tip.seq,
  );
}
