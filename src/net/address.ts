/** What a multiaddr says: the peer at its end, the transport, whether it leads through a relay. */
import type { Connection, PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { isPrivate } from '@libp2p/utils';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { AverError } from '../base/errors.ts';
import type { ConnectedPeer, Transport } from '../base/ports.ts';

/** Throws `BAD_INPUT`. */
export function parseAddress(text: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    throw new AverError('BAD_INPUT', `"${text.slice(0, 200)}" is not a multiaddr.`, { cause });
  }
}

/** Throws `BAD_INPUT`. */
export function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text);
  } catch (cause) {
    throw new AverError('BAD_INPUT', `"${text.slice(0, 200)}" is not a peer id.`, { cause });
  }
}

/** The peer at the end of the address; undefined when the address names none. */
export function addressToPeerId(address: Multiaddr): string | undefined {
  const components = address.getComponents();
  const last = components.at(-1);
  return last?.name === 'p2p' ? last.value : undefined;
}

/** The IP address, or the name, at which it begins; undefined where a relay stands between. */
export function addressToHost(address: Multiaddr): string | undefined {
  if (isCircuitAddress(address)) return undefined;
  return address.getComponents().find(({ name }) => name !== 'ip6zone')?.value;
}

function hasPart(address: Multiaddr, name: string): boolean {
  return address.getComponents().some((component) => component.name === name);
}

/**
 * Whether others can use the own address. Not when a relay would carry the connection (gossip and
 * streams do not run over relays), nor when the relay is one that browsers cannot dial.
 */
export function isUseful(address: Multiaddr): boolean {
  if (!isCircuitAddress(address)) return true;
  return hasPart(address, 'webrtc') && (hasPart(address, 'ws') || hasPart(address, 'webrtc-direct'));
}

export function isCircuitAddress(address: Multiaddr): boolean {
  return hasPart(address, 'p2p-circuit');
}

/** Loopback, link-local or private: reachable from near-by machines only. */
export function isPrivateAddress(address: Multiaddr): boolean {
  return isPrivate(address);
}

export function isInsecureWebSocket(address: Multiaddr): boolean {
  return hasPart(address, 'ws') && !hasPart(address, 'tls');
}

function addressToTransport(address: Multiaddr): Transport {
  const names = address.getComponents().map((component) => component.name);
  if (names.includes('webrtc-direct') && !names.includes('p2p-circuit')) return 'webrtc-direct';
  if (names.includes('webrtc')) return 'webrtc';
  if (names.includes('ws') || names.includes('wss')) return 'websocket';
  if (names.includes('tcp')) return 'tcp';
  return 'other';
}

export function isDirect(connection: Connection): boolean {
  return connection.limits === undefined;
}

/**
 * The connection to use of several: direct before relayed, and among equals the oldest, so that both
 * sides settle on the same one when they dialled each other at the same time.
 */
export function bestConnection(connections: readonly Connection[]): Connection | undefined {
  const open = connections.filter((connection) => connection.status === 'open');
  const direct = open.filter(isDirect);
  const candidates = direct.length > 0 ? direct : open;
  return candidates.reduce<Connection | undefined>(
    (best, next) => (best === undefined || next.timeline.open < best.timeline.open ? next : best),
    undefined,
  );
}

export function connectionToPeer(connection: Connection, connectedAtMs: number): ConnectedPeer {
  return {
    id: connection.remotePeer.toString(),
    transport: addressToTransport(connection.remoteAddr),
    relayed: !isDirect(connection),
    direction: connection.direction,
    address: connection.remoteAddr.toString(),
    connectedAtMs,
  };
}
