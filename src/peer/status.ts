/** `status()`: whether it synced, with whom, and what is missing. */
import { bytesToHex } from '../base/bytes.ts';
import type { ConnectedPeer } from '../base/ports.ts';
import type { ConnectionStatus, PeerStatus, SpaceStatus } from './api.ts';
import type { LocalSpaceParts } from './local-space.ts';

export async function spaceStatus(parts: LocalSpaceParts): Promise<SpaceStatus> {
  const { replica, sync } = parts;
  const { genesis, id } = replica.space;
  const author = parts.writer().key;
  const peers = peerStatuses(parts);
  const started = replica.frontier.tipOf(author.publicKey) !== undefined;
  return {
    id: bytesToHex(id),
    name: genesis.name,
    write: genesis.write,
    read: genesis.read,
    root: bytesToHex(replica.frontier.root()),
    assertions: replica.count,
    authors: replica.frontier.authors,
    pending: replica.pendingCount,
    quarantined: replica.quarantine.count(),
    held: replica.heldAuthors,
    author: bytesToHex(author.publicKey),
    mayWrite: genesis.write === 'open' || author.admit !== null || started,
    peers,
    behind: peers.some((peer) => peer.relation === 'ahead' || peer.relation === 'diverged'),
    synced: { lastAtMs: sync.lastSyncAtMs, convergences: sync.convergences },
  };
}

function peerStatuses({ network, sync, roundTrips }: LocalSpaceParts): PeerStatus[] {
  const relationById = new Map(sync.relations().map((relation) => [relation.peerId, relation]));
  return network.peers().map((peer) => {
    const relation = relationById.get(peer.id);
    return {
      ...connectionStatus(peer, roundTrips.of(peer.id)),
      relation: relation?.relation ?? 'unknown',
      root: relation?.root === undefined ? undefined : bytesToHex(relation.root),
      count: relation?.count,
      lacks: relation?.lacks ?? 0,
      leads: relation?.leads ?? 0,
      comparedAtMs: relation?.comparedAtMs,
    };
  });
}

export function connectionStatus(peer: ConnectedPeer, roundTripMs: number | undefined): ConnectionStatus {
  const { id, transport, relayed, direction, address } = peer;
  return { id, transport, relayed, direction, address, roundTripMs };
}
