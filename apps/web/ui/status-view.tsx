/** What is saved, whether it stays, whether we are behind, and what this platform cannot do. */
import { formatAgo, formatCount, formatDuration, plural } from '../model/format.ts';
import { type OfSpace, useSession } from './context.ts';
import { Details } from './details.tsx';
import { InstallCard } from './install-card.tsx';
import { ProblemsCard } from './problems-card.tsx';
import { Seal } from './seal.tsx';
import { StorageCard } from './storage-card.tsx';
import { TransferCard } from './transfer-card.tsx';

export function StatusView({ model }: OfSpace) {
  return (
    <div class="cards">
      <ProblemsCard />
      <SpaceCard model={model} />
      <StorageCard />
      <TransferCard model={model} />
      <PeerCard />
      <InstallCard />
    </div>
  );
}

const WRITE = { open: 'everybody', invited: 'invited people' };
const READ = { open: 'everybody', secret: 'holders of the secret' };

function SpaceCard({ model }: OfSpace) {
  const status = model.status.value;
  if (status === undefined) return null;
  const { sign, text } = model.summary.value;
  return (
    <section class="card" aria-label="Space">
      <header class="card-head">
        <h2>{status.name}</h2>
        <Seal root={status.root} size={36} />
      </header>
      <Details
        rows={[
          ['Sync', `${sign} ${text}`],
          ['Saved here', `${plural(status.assertions, 'assertion')} by ${plural(status.authors, 'author')}`],
          ['Waiting for others', plural(status.pending, 'assertion')],
          ['Held from the future', plural(status.held, 'author')],
          ['Refused', `${formatCount(status.quarantined)} kept for inspection`],
          ['Last converged', formatAgo(status.synced.lastAtMs, Date.now())],
          ['May write', WRITE[status.write]],
          ['May read', READ[status.read]],
          ['Root', <code>{status.root}</code>],
          ['Space id', <code>{status.id}</code>],
          ['Your author key', <code>{status.author}</code>],
        ]}
      />
    </section>
  );
}

function PeerCard() {
  const { info, profile } = useSession();
  if (info.value === undefined) return null;
  const { peerId, version, startedAtMs, clock, role, addresses } = info.value;
  const skew = clock.skewMs === undefined ? 'unknown without peers' : skewText(clock.skewMs);
  return (
    <section class="card" aria-label="This peer">
      <header class="card-head">
        <h2>This peer</h2>
      </header>
      <Details
        rows={[
          ['Role', role === 'peer' ? 'this tab is the peer' : 'follows the tab that is the peer'],
          ['Profile', profile],
          ['Up for', formatDuration(Date.now() - startedAtMs)],
          ['Clock', skew],
          ['Version', version],
          ['Peer id', <code>{peerId}</code>],
          [
            'Addresses',
            addresses.length === 0 ? (
              'none now: this peer can dial others, nobody can dial it'
            ) : (
              <Addresses list={addresses} />
            ),
          ],
        ]}
      />
    </section>
  );
}

function Addresses({ list }: { readonly list: readonly string[] }) {
  return (
    <ul class="plain">
      {list.map((address) => (
        <li key={address}>
          <code>{address}</code>
        </li>
      ))}
    </ul>
  );
}

function skewText(skewMs: number): string {
  if (Math.abs(skewMs) < 500) return 'as the peers’ clocks';
  return `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the peers’ clocks`;
}
