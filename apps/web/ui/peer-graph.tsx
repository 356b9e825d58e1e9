/** Peers around us. The picture in a node is the seal of its root: equal seals, equal facts. */
import { useComputed } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { formatDuration, shortPeer, transportName } from '../model/format.ts';
import { type Place, placePeers } from '../model/graph-layout.ts';
import { relationText } from '../model/peer-view.ts';
import type { SpaceModel } from '../model/space-model.ts';
import { type OfSpace, useSession } from './context.ts';
import { sealPath } from './seal.tsx';

type Peer = SpaceModel['peers']['value'][number];

/** Distance of the peers from us, and how much of the circle each one needs. */
const RADIUS_MIN = 150;
const PEER_ARC = 64;
/** Room for names beyond the circle. */
const MARGIN_X = 85;
const MARGIN_Y = 60;
/** Beyond this many peers only the table has room for numbers. */
const LABELLED_MAX = 14;

export function PeerGraph({ model }: OfSpace) {
  const before = useRef<ReadonlyMap<string, Place>>(new Map());
  // Only who is there moves the picture, not every new round-trip time.
  const ids = useComputed(() => model.peers.value.map((peer) => peer.id).join(' '));
  const places = useComputed(() => {
    const list = ids.value === '' ? [] : ids.value.split(' ');
    before.current = placePeers(list, ringRadius(list.length), before.current);
    return before.current;
  });
  const peers = model.peers.value;
  const labelled = peers.length <= LABELLED_MAX;
  const radius = ringRadius(peers.length);
  const [width, height] = [2 * (radius + MARGIN_X), 2 * (radius + MARGIN_Y)];
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no fieldset
    <svg
      class="graph"
      viewBox={`${-width / 2} ${-height / 2} ${width} ${height}`}
      role="group"
      aria-label={`You and ${peers.length} peers`}
    >
      <circle class="orbit" r={radius} />
      {peers.map((peer) => (
        <PeerLink key={peer.id} peer={peer} place={places.value.get(peer.id)} labelled={labelled} />
      ))}
      <SelfNode root={model.status.value?.root} />
      {peers.map((peer) => (
        <PeerNode key={peer.id} peer={peer} place={places.value.get(peer.id)} />
      ))}
    </svg>
  );
}

function ringRadius(peers: number): number {
  return Math.max(RADIUS_MIN, (peers * PEER_ARC) / (2 * Math.PI));
}

function SelfNode({ root }: { readonly root: string | undefined }) {
  return (
    <g class="node self">
      <circle r="36" />
      <path class="node-seal" transform="scale(2.3)" d={sealPath(root)} />
      <text y="54" text-anchor="middle">
        you
      </text>
    </g>
  );
}

interface PeerPart {
  readonly peer: Peer;
  readonly place: Place | undefined;
}

function PeerLink({ peer, place, labelled }: PeerPart & { readonly labelled: boolean }) {
  if (place === undefined) return null;
  const { x, y } = place;
  return (
    <g class={`link ${peer.relayed ? 'relayed' : 'direct'}`}>
      <line x1="0" y1="0" x2={x} y2={y} />
      {labelled && (
        <text x={x * 0.54} y={y * 0.54 - 3} text-anchor="middle">
          {transportName(peer.transport)}
          <tspan x={x * 0.54} dy="13">
            {roundTripText(peer)}
          </tspan>
        </text>
      )}
    </g>
  );
}

function PeerNode({ peer, place }: PeerPart) {
  const session = useSession();
  if (place === undefined) return null;
  const { sign, word, tone } = relationText(peer.relation);
  const compare = () => session.compare(peer.id);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    compare();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button
    <g
      class={`node peer ${tone}`}
      role="button"
      tabIndex={0}
      aria-label={`Compare with peer ${shortPeer(peer.id)}: ${word}, ${linkText(peer)}${peer.relayed ? ', relayed' : ''}`}
      style={{ transform: `translate(${place.x}px, ${place.y}px)` }}
      onClick={compare}
      onKeyDown={onKey}
    >
      <title>{peer.id}</title>
      <circle r="25" />
      <path class="node-seal" transform="scale(1.55)" d={sealPath(peer.root)} />
      <circle class="node-badge" cx="20" cy="-18" r="10" />
      <text class="node-sign" x="20" y="-17.5" text-anchor="middle" dominant-baseline="central">
        {sign}
      </text>
      <text y="41" text-anchor="middle">
        {shortPeer(peer.id)}
      </text>
    </g>
  );
}

function linkText(peer: Peer): string {
  return `${transportName(peer.transport)} ${roundTripText(peer)}`.trim();
}

function roundTripText(peer: Peer): string {
  return peer.roundTripMs === undefined ? '' : formatDuration(peer.roundTripMs);
}
