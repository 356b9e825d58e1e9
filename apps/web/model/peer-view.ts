/** Peers of a space in words and signs, the same for the graph, the table and the summary. */
import type { ConnectedPeer } from '../../../src/base/ports.ts';
import type { PeerStatus, Relation, SpaceStatus } from '../../../src/peer/api.ts';
import { plural } from './format.ts';

export type Tone = 'good' | 'wait' | 'warn' | 'calm';

export interface RelationText {
  /** A sign that tells the relation without colour. */
  readonly sign: string;
  readonly word: string;
  readonly tone: Tone;
}

const RELATIONS: Record<Relation, RelationText> = {
  equal: { sign: '=', word: 'equal', tone: 'good' },
  ahead: { sign: '↓', word: 'ahead of us', tone: 'wait' },
  behind: { sign: '↑', word: 'behind us', tone: 'wait' },
  diverged: { sign: '↕', word: 'diverged', tone: 'warn' },
  unknown: { sign: '?', word: 'not compared', tone: 'calm' },
};
export const relationText = (relation: Relation): RelationText => RELATIONS[relation];

/** What lies between us and the peer, in numbers; empty when there is nothing to say. */
export function differenceText(peer: Pick<PeerStatus, 'lacks' | 'leads'>): string {
  const parts = [
    peer.lacks > 0 ? `it lacks ${plural(peer.lacks, 'assertion')}` : '',
    peer.leads > 0 ? `we lack ${plural(peer.leads, 'assertion')}` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Peers of the space first; then those that we are connected to for other spaces. */
export function mergePeers(
  inSpace: readonly PeerStatus[],
  connected: readonly Omit<ConnectedPeer, 'connectedAtMs'>[],
): readonly (PeerStatus & { readonly inSpace: boolean })[] {
  const known = new Set(inSpace.map((peer) => peer.id));
  const others = connected
    .filter((peer) => !known.has(peer.id))
    .map((peer) => ({ ...UNCOMPARED, ...peer, inSpace: false }));
  return [...inSpace.map((peer) => ({ ...peer, inSpace: true })), ...others];
}

const UNCOMPARED = {
  roundTripMs: undefined,
  relation: 'unknown' as const,
  root: undefined,
  count: undefined,
  lacks: 0,
  leads: 0,
  comparedAtMs: undefined,
};

export interface Summary {
  readonly sign: string;
  readonly text: string;
  readonly tone: Tone;
}

/** The answer to "did it sync?", in one line. */
export function syncSummary(status: SpaceStatus | undefined): Summary {
  if (status === undefined) return { sign: '…', text: 'Opening', tone: 'calm' };
  const peers = status.peers;
  if (peers.length === 0) return { sign: '○', text: 'No peers, saved here', tone: 'calm' };
  if (status.behind) return { sign: '↓', text: 'Behind, fetching', tone: 'wait' };
  // A peer that was never compared may not share this space at all.
  const compared = peers.filter((peer) => peer.relation !== 'unknown').length;
  const equal = peers.filter((peer) => peer.relation === 'equal').length;
  const lacking = peers.filter((peer) => peer.relation === 'behind').length;
  if (lacking > 0) return { sign: '↑', text: `${plural(lacking, 'peer')} still behind`, tone: 'wait' };
  if (equal === 0) return { sign: '…', text: 'Comparing', tone: 'calm' };
  if (equal === compared) return { sign: '=', text: `Equal with ${plural(equal, 'peer')}`, tone: 'good' };
  return { sign: '=', text: `Equal with ${equal} of ${plural(compared, 'peer')}`, tone: 'calm' };
}
