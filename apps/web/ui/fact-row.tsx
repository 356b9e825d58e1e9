/** One row: a subject and predicate with the claim that wins, or one of the claims that compete. */
// biome-ignore-all lint/a11y/useSemanticElements: rows of a real table cannot be placed absolutely
// biome-ignore-all lint/a11y/useFocusableInteractive: cells of a plain table take no focus
import type { Fact } from '../../../src/peer/api.ts';
import type { ClaimGroup } from '../model/fact-table.ts';
import { formatFullTime, formatTime } from '../model/format.ts';
import type { TableRow } from '../model/table-rows.ts';
import { objectToLine } from '../model/value-text.ts';
import { AuthorChip } from './author-chip.tsx';
import type { OfSpace } from './context.ts';
import { Icon } from './icon.tsx';

interface FactRowProps extends OfSpace {
  readonly row: TableRow;
  readonly index: number;
  readonly top: number;
  readonly onShow: (fact: Fact) => void;
}

/** News is lit for this long. */
const FRESH_MS = 3000;

export function FactRow({ model, row, index, top, onShow }: FactRowProps) {
  const fact = shownFact(model, row);
  if (fact === undefined) return null;
  const group = row.kind === 'group' ? row : row.group;
  const fresh = Date.now() - group.touchedAtMs < FRESH_MS;
  const wins = row.kind === 'claim' && row.wins;
  return (
    <div
      role="row"
      class={`grid-row ${row.kind} ${fresh ? 'fresh' : ''} ${wins ? 'wins' : ''}`}
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${top}px)` }}
    >
      {row.kind === 'group' ? <GroupCells model={model} group={row} /> : <ClaimCells wins={row.wins} />}
      <span role="cell" class="cell object">
        <button
          type="button"
          class="object-button"
          title="Show everything about this claim"
          onClick={() => onShow(fact)}
        >
          {objectToLine(fact.object)}
        </button>
      </span>
      <span role="cell" class="cell confidence">
        <Confidence value={fact.confidence} />
      </span>
      <span role="cell" class="cell author">
        <AuthorChip author={fact.author} self={fact.author === model.status.value?.author} />
      </span>
      <span role="cell" class="cell time">
        <time dateTime={new Date(fact.timeMs).toISOString()} title={formatFullTime(fact.timeMs)}>
          {formatTime(fact.timeMs, Date.now())}
        </time>
      </span>
    </div>
  );
}

/** A group shows the lens' winner where the lens was asked, else the latest. */
function shownFact(model: OfSpace['model'], row: TableRow): Fact | undefined {
  if (row.kind === 'claim') return row.fact;
  return model.facts.resolutions.value.get(row.key)?.winner ?? row.facts[0];
}

function GroupCells({ model, group }: OfSpace & { readonly group: ClaimGroup }) {
  const claims = group.facts.length;
  const open = model.facts.expanded.value.has(group.key);
  return (
    <>
      <span role="cell" class="cell subject" title={group.subject}>
        <span class="clip">{group.subject}</span>
        {claims > 1 && (
          <button
            type="button"
            class="disclose"
            aria-expanded={open}
            aria-label={`${claims} competing claims on ${group.subject} ${group.predicate}`}
            onClick={() => void model.facts.toggle(group.key)}
          >
            <Icon name="chevron" />
            <span aria-hidden="true">{claims}</span>
          </button>
        )}
      </span>
      <span role="cell" class="cell predicate" title={group.predicate}>
        <span class="clip">{group.predicate}</span>
      </span>
    </>
  );
}

function ClaimCells({ wins }: { readonly wins: boolean }) {
  return (
    <>
      <span role="cell" class="cell subject">
        <span class="branch" aria-hidden="true" />
        {wins ? <span class="winner">✓ winner</span> : <span class="loser">competing</span>}
      </span>
      <span role="cell" class="cell predicate" />
    </>
  );
}

function Confidence({ value }: { readonly value: number }) {
  const percent = `${Math.round(value * 1000) / 10}%`;
  return (
    <span class="meter" title={`Confidence ${percent}`}>
      <span class="meter-bar" aria-hidden="true">
        <span style={{ width: percent }} />
      </span>
      {percent}
    </span>
  );
}
