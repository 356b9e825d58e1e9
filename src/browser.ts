/**
 * Aver for browsers: composes a peer with IndexedDB, WebSocket, WebRTC and WebRTC-direct. In one
 * profile one tab is the peer; the others follow it and write through it.
 *
 * ```ts
 * const peer = await createPeer();
 * const space = await peer.open(inviteLink);
 * for await (const event of space.watch({ subject: 'rfc://*' })) render(event);
 * ```
 */
import { MemoryMetrics } from './base/counters.ts';
import { AverError } from './base/errors.ts';
import { boundedLog, silentLog } from './base/log.ts';
import type { Log, Metrics, Ports, Store } from './base/ports.ts';
import { systemClock } from './base/system-clock.ts';
import { systemRandom } from './base/system-random.ts';
import { VERSION } from './base/version.ts';
import { detectCrypto } from './crypto/crypto-web.ts';
import { createBrowserNetwork } from './net/browser-network.ts';
import type { Peer, StorageStatus } from './peer/api.ts';
import { countError } from './peer/count-errors.ts';
import { keyringOf, LocalPeer, type Problem } from './peer/local-peer.ts';
import { TabPeer } from './peer/tabs/tab-peer.ts';
import { openIndexedDb } from './store/indexeddb.ts';

export * from './index.ts';

export interface BrowserPeerOptions {
  /** Another name is another peer with another store in the same browser. */
  readonly profile?: string;
  /** Multiaddrs of Node peers that are dialled and kept: without one, nobody introduces this peer to others. */
  readonly bootstrap?: readonly string[];
  /** Allows `ws://` and private addresses: for localhost and local networks. True on localhost when absent. */
  readonly allowPrivate?: boolean;
  /** STUN and TURN servers. None when absent: they are third parties that learn the addresses of peers. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly log?: Log;
  readonly metrics?: Metrics;
}

/** Throws `NO_WEBCRYPTO` over plain HTTP. What else fails, every call of the peer says. */
export async function createPeer(options: BrowserPeerOptions = {}): Promise<Peer> {
  const { profile = 'default', metrics = new MemoryMetrics() } = options;
  assertSecure(metrics);
  const peer = new TabPeer(profile, (onEnd) => startPeer(profile, metrics, options, onEnd));
  // Letting go at once is kinder than a time-out: to the next tab of the profile and to the other peers.
  addEventListener('pagehide', () => void peer.stop());
  return peer;
}

function assertSecure(metrics: Metrics): void {
  if (globalThis.crypto?.subtle !== undefined && globalThis.navigator?.locks !== undefined) return;
  const error = new AverError(
    'NO_WEBCRYPTO',
    'This page was opened over plain HTTP, where browsers offer no cryptography.',
  );
  countError(error, 'start', metrics);
  throw error;
}

async function startPeer(
  profile: string,
  metrics: Metrics,
  options: BrowserPeerOptions,
  onEnd: (why: AverError) => void,
): Promise<Peer> {
  const { crypto, native } = await detectCrypto();
  const ports: Ports = {
    clock: systemClock,
    random: systemRandom,
    log: boundedLog(options.log ?? silentLog, systemClock),
    crypto,
    metrics,
  };
  if (!native) ports.log.write('warn', 'this browser has no Ed25519; verifying in JavaScript is slower');
  let store: Store | undefined;
  try {
    store = await openIndexedDb({
      name: `aver-${profile}`,
      onEnd: (why) => {
        countError(why, 'store', metrics);
        onEnd(why);
      },
    });
    const network = await createBrowserNetwork({
      // A peer id of its own for each page load: under an old one the new links would fail for seconds.
      seed: systemRandom.bytes(32),
      ports,
      allowPrivate: options.allowPrivate ?? isLocal(location.hostname),
      iceServers: [...(options.iceServers ?? [])],
    });
    const peer = await LocalPeer.start({
      store,
      network,
      ports,
      keyring: keyringOf(store, ports),
      bootstrap: options.bootstrap ?? [],
      version: VERSION,
      storage: () => storageStatus(profile),
      problems: platformProblems(),
    });
    wakeWithPage(peer);
    return peer;
  } catch (error) {
    countError(error, 'start', metrics);
    await store?.close();
    throw error;
  }
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '127.0.0.1' || host === '[::1]';
}

function platformProblems(): Problem[] {
  if (globalThis.RTCPeerConnection !== undefined) return [];
  return [{ code: 'NO_WEBRTC', message: 'This browser has no WebRTC.' }];
}

/** A page that slept, or a machine that was offline, compares roots as soon as it is back. */
function wakeWithPage(peer: LocalPeer): void {
  const stopped = new AbortController();
  const wake = (): void => {
    if (document.visibilityState === 'visible') peer.wake();
  };
  document.addEventListener('visibilitychange', wake, { signal: stopped.signal });
  addEventListener('online', wake, { signal: stopped.signal });
  peer.onStop(() => stopped.abort());
}

async function storageStatus(profile: string): Promise<StorageStatus> {
  const { storage } = navigator;
  const estimate = await storage.estimate();
  return {
    kind: 'indexeddb',
    persistent: await storage.persisted(),
    usedBytes: estimate.usage,
    quotaBytes: estimate.quota,
    place: `IndexedDB aver-${profile}`,
  };
}
