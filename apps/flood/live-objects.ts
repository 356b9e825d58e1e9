/** How many objects of a kind are alive in this process: counted on the heap itself, after a collection. */
import { Socket } from 'node:net';
import { queryObjects } from 'node:v8';
import { AbstractStream } from '@libp2p/utils';
import { Libp2pFrameStream } from '../../src/net/frame-stream.ts';
import { Link } from '../../src/sync/link.ts';
import { PeerSync } from '../../src/sync/peer-sync.ts';

export interface LiveObjects {
  readonly sockets: number;
  /** Multiplexed streams, and those of them that carry frames. */
  readonly streams: number;
  readonly frameStreams: number;
  readonly links: number;
  readonly peerSyncs: number;
  readonly abortSignals: number;
  /** Listeners of event targets, which libp2p's objects are. */
  readonly listeners: number;
}

export function liveObjects(): LiveObjects {
  return {
    sockets: count(Socket),
    streams: count(AbstractStream),
    frameStreams: count(Libp2pFrameStream),
    links: count(Link),
    peerSyncs: count(PeerSync),
    abortSignals: count(AbortSignal),
    listeners: count(listenerClass()),
  };
}

// biome-ignore lint/complexity/noBannedTypes: what `queryObjects` takes
function count(kind: Function): number {
  return queryObjects(kind as new () => object, { format: 'count' }) as unknown as number;
}

/** Node has no name for it; the list of an event target begins with one. */
// biome-ignore lint/complexity/noBannedTypes: what `queryObjects` takes
function listenerClass(): Function {
  const target = new EventTarget();
  target.addEventListener('any', () => undefined);
  const key = Object.getOwnPropertySymbols(target).find(({ description }) => description === 'kEvents');
  const events = Reflect.get(target, key as symbol) as Map<string, { readonly next: object }>;
  return (events.get('any') as { readonly next: object }).next.constructor;
}
