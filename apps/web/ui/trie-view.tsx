/** Our Merkle trie beside that of a chosen peer. */
import { useEffect } from 'preact/hooks';
import { plural, shortPeer } from '../model/format.ts';
import { errorNotice } from '../model/notice.ts';
import { AuthorDifferences } from './author-differences.tsx';
import type { OfSpace } from './context.ts';
import { Icon } from './icon.tsx';
import { NoticeBox } from './notices.tsx';
import { Seal } from './seal.tsx';
import { TrieTable } from './trie-table.tsx';

export function TrieView({ model }: OfSpace) {
  const { trie } = model;
  useEffect(() => {
    void trie.load();
  }, [trie]);
  const comparison = trie.comparison.value;
  return (
    <>
      <section class="card trie-card" aria-label="Merkle trie">
        <header class="card-head">
          <h2>Merkle trie</h2>
          <PeerChoice model={model} />
        </header>
        <p class="muted">
          One entry for each author’s last assertion. A hash covers everything below it, so two peers only
          open branches whose hashes differ to find what one of them lacks.
        </p>
        {trie.error.value !== undefined && <NoticeBox notice={errorNotice(trie.error.value)} />}
        <Verdict model={model} />
        <TrieTable model={model} />
      </section>
      {comparison !== undefined && !comparison.equal && (
        <AuthorDifferences model={model} comparison={comparison} />
      )}
    </>
  );
}

function PeerChoice({ model }: OfSpace) {
  const { trie, peers } = model;
  const inSpace = peers.value.filter((peer) => peer.inSpace);
  if (inSpace.length === 0) return <p class="muted">Connect to a peer to compare with it.</p>;
  return (
    <div class="peer-choice">
      <label class="inline-label">
        Compare with
        <select
          class="field"
          value={trie.peerId.value}
          onChange={(event) => void trie.choose(event.currentTarget.value)}
        >
          <option value="">nobody</option>
          {inSpace.map((peer) => (
            <option key={peer.id} value={peer.id}>
              {shortPeer(peer.id)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="button icon-only"
        aria-label="Compare again"
        disabled={trie.busy.value}
        onClick={() => void trie.load()}
      >
        <Icon name="refresh" />
      </button>
    </div>
  );
}

function Verdict({ model }: OfSpace) {
  const comparison = model.trie.comparison.value;
  if (comparison === undefined) return null;
  const { equal, mine, theirs, differing } = comparison;
  return (
    <div class={`verdict ${equal ? 'good' : 'wait'}`}>
      <Seal root={mine} size={44} />
      <span class="verdict-sign" aria-hidden="true">
        {equal ? '=' : '≠'}
      </span>
      <Seal root={theirs} size={44} />
      <p role="status">
        {equal
          ? 'Both roots are equal: you hold the same facts.'
          : `The roots differ: ${plural(differing.length, 'branch', 'branches')} to look into.`}
      </p>
      {!equal && (
        <button type="button" class="button" onClick={() => void model.trie.openDifferences()}>
          Open the differences
        </button>
      )}
    </div>
  );
}
