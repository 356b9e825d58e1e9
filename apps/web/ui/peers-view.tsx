/** Who is there: a graph with us in the middle, and a table that says the same. */
import { shortPeer } from '../model/format.ts';
import { ConnectForm } from './connect-form.tsx';
import { type OfSpace, useSession } from './context.ts';
import { PeerGraph } from './peer-graph.tsx';
import { PeerTable } from './peer-table.tsx';

export function PeersView({ model }: OfSpace) {
  const peers = model.peers.value;
  const info = useSession().info.value;
  return (
    <>
      <section class="card graph-card" aria-label="Graph of peers">
        <PeerGraph model={model} />
        <GraphKey />
      </section>
      <section class="card peers-card" aria-label="Peers">
        <header class="card-head">
          <h2>Peers</h2>
          {info !== undefined && (
            <p class="muted">
              You are <code title={info.peerId}>{shortPeer(info.peerId)}</code>
            </p>
          )}
        </header>
        {peers.length === 0 ? <NoPeers /> : <PeerTable model={model} />}
        <ConnectForm />
      </section>
    </>
  );
}

function NoPeers() {
  return (
    <div class="empty">
      <p>
        <strong>No peer is connected.</strong>
      </p>
      <p>
        What you write is saved here and goes out when one is. Invite somebody, or connect to an address
        below.
      </p>
    </div>
  );
}

const KEY = [
  ['good', '=', 'equal root'],
  ['wait', '↓', 'has what we lack'],
  ['wait', '↑', 'lacks what we have'],
  ['warn', '↕', 'both'],
  ['calm', '?', 'not compared'],
] as const;

function GraphKey() {
  return (
    <ul class="graph-key" aria-label="Signs">
      {KEY.map(([tone, sign, text]) => (
        <li key={sign}>
          <span class={`sign ${tone}`} aria-hidden="true">
            {sign}
          </span>
          {text}
        </li>
      ))}
      <li>
        <span class="line direct" aria-hidden="true" /> direct
      </li>
      <li>
        <span class="line relayed" aria-hidden="true" /> relayed
      </li>
    </ul>
  );
}
