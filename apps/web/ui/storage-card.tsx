/** Where the facts are and whether the browser keeps them. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StorageStatus } from '../../../src/peer/api.ts';
import { formatBytes } from '../model/format.ts';
import { askPersistent, persistent, readPersistent } from '../model/saved.ts';
import { useSession } from './context.ts';
import { Details } from './details.tsx';
import { NoticeBox } from './notices.tsx';

const KINDS = { memory: 'memory only, gone with the page', indexeddb: 'IndexedDB', leveldb: 'LevelDB' };

export function StorageCard() {
  const storage = useSession().info.value?.storage;
  useEffect(() => void readPersistent(), []);
  if (storage === undefined) return null;
  const stays = persistent.value ?? storage.persistent;
  return (
    <section class="card" aria-label="Storage">
      <header class="card-head">
        <h2>Storage</h2>
        <span class={`badge ${stays ? 'good' : 'warn'}`}>{stays ? '✓ persistent' : '! may be dropped'}</span>
      </header>
      <Details
        rows={[
          ['Kept in', KINDS[storage.kind]],
          ['Place', storage.place],
          ['Used', <Usage storage={storage} />],
        ]}
      />
      {!stays && <AskPersistent />}
    </section>
  );
}

function Usage({ storage }: { readonly storage: StorageStatus }) {
  const { usedBytes, quotaBytes } = storage;
  return (
    <>
      {formatBytes(usedBytes)} of {formatBytes(quotaBytes)}
      {usedBytes !== undefined && quotaBytes !== undefined && (
        <meter
          class="quota"
          aria-label="Share of the quota in use"
          max={quotaBytes}
          value={usedBytes}
          high={quotaBytes * 0.9}
        />
      )}
    </>
  );
}

function AskPersistent() {
  const refused = useSignal(false);
  const ask = async () => {
    refused.value = !(await askPersistent());
  };
  return (
    <>
      <p class="muted">The browser may drop the facts when the disk gets full.</p>
      <button type="button" class="button" onClick={ask}>
        Ask to keep them
      </button>
      {refused.value && (
        <NoticeBox
          notice={{
            kind: 'warning',
            message: 'The browser did not agree.',
            advice: 'Install the app or bookmark the page, then ask again; or keep an export.',
          }}
        />
      )}
    </>
  );
}
