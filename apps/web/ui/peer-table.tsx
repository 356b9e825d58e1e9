/** The graph's content as a table. */
import { formatAgo, formatDuration, plural, shortKey, shortPeer, transportName } from '../model/format.ts';
import { differenceText, relationText } from '../model/peer-view.ts';
import type { SpaceModel } from '../model/space-model.ts';
import { type OfSpace, useSession } from './context.ts';
import { Seal } from './seal.tsx';

type Peer = SpaceModel['peers']['value'][number];

export function PeerTable({ model }: OfSpace) {
  return (
    // The region scrolls sideways on a narrow screen, so the keyboard must reach it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is focusable
    <section class="table-scroll" tabIndex={0} aria-label="Table of peers">
      <table class="table" aria-label="Peers">
        <thead>
          <tr>
            <th scope="col">Peer</th>
            <th scope="col">Set</th>
            <th scope="col">Root</th>
            <th scope="col">Link</th>
            <th scope="col" class="number">
              Round trip
            </th>
            <th scope="col">Compared</th>
            <th scope="col">
              <span class="sr-only">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {model.peers.value.map((peer) => (
            <PeerRow key={peer.id} peer={peer} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function PeerRow({ peer }: { readonly peer: Peer }) {
  const session = useSession();
  const { sign, word, tone } = relationText(peer.relation);
  const difference = differenceText(peer);
  return (
    <tr>
      <th scope="row" title={peer.id}>
        <code>{shortPeer(peer.id)}</code>
      </th>
      <td>
        <span class={`sign ${tone}`} aria-hidden="true">
          {sign}
        </span>{' '}
        {peer.inSpace ? word : 'not in this space'}
        {difference !== '' && <span class="hint block difference">{difference}</span>}
      </td>
      <td>
        {peer.root === undefined ? (
          '–'
        ) : (
          <span class="root" title={peer.root}>
            <Seal root={peer.root} size={20} />
            <code>{shortKey(peer.root)}</code>
          </span>
        )}
        {peer.count !== undefined && <span class="hint block">{plural(peer.count, 'assertion')}</span>}
      </td>
      <td title={peer.address}>
        {transportName(peer.transport)}
        <span class="hint block">
          {peer.relayed ? 'relayed' : 'direct'}, {peer.direction}
        </span>
      </td>
      <td class="number">{peer.roundTripMs === undefined ? '–' : formatDuration(peer.roundTripMs)}</td>
      <td>{formatAgo(peer.comparedAtMs, Date.now())}</td>
      <td>
        <button
          type="button"
          class="button small"
          aria-label={`Compare with ${shortPeer(peer.id)}`}
          onClick={() => session.compare(peer.id)}
        >
          Compare
        </button>
      </td>
    </tr>
  );
}
