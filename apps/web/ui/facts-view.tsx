/** Writing facts and the live table of them. */
import { useSignal } from '@preact/signals';
import type { Fact } from '../../../src/peer/api.ts';
import { formatCount, plural } from '../model/format.ts';
import { errorNotice } from '../model/notice.ts';
import { factsToCsv, factsToJson } from '../model/table-rows.ts';
import type { OfSpace } from './context.ts';
import { CopyButton } from './copy-button.tsx';
import { FactDialog } from './fact-dialog.tsx';
import { FactFilter } from './fact-filter.tsx';
import { FactGrid } from './fact-grid.tsx';
import { FactNews } from './fact-news.tsx';
import { NoticeBox } from './notices.tsx';
import { NoWriting, WriteForm } from './write-form.tsx';

export function FactsView({ model }: OfSpace) {
  const shown = useSignal<Fact | undefined>(undefined);
  const { facts, status } = model;
  const readOnly = status.value?.mayWrite === false;
  return (
    <>
      {readOnly ? <NoWriting model={model} /> : <WriteForm model={model} />}
      <section class="facts-list" aria-label="Facts">
        <FactFilter model={model} />
        {facts.error.value !== undefined && <NoticeBox notice={errorNotice(facts.error.value)} />}
        <FactNews model={model} />
        {facts.rows.value.length === 0 ? (
          <NoFacts model={model} />
        ) : (
          <FactGrid
            model={model}
            onShow={(fact) => {
              shown.value = fact;
            }}
          />
        )}
        <FactsFoot model={model} />
      </section>
      {shown.value !== undefined && (
        <FactDialog
          model={model}
          fact={shown.value}
          onClose={() => {
            shown.value = undefined;
          }}
        />
      )}
    </>
  );
}

function NoFacts({ model }: OfSpace) {
  const { facts, peers } = model;
  if (!facts.loaded.value)
    return (
      <p class="empty" role="status">
        Reading facts…
      </p>
    );
  if (facts.filtered)
    return (
      <div class="empty">
        <p>
          <strong>No fact matches this filter.</strong>
        </p>
        <button type="button" class="button" onClick={() => facts.filter({ subject: '', predicate: '' })}>
          Clear the filter
        </button>
      </div>
    );
  return (
    <div class="empty">
      <p>
        <strong>This space has no facts yet.</strong>
      </p>
      <p>
        Write the first one above
        {peers.value.length === 0 && ', or invite somebody: facts that they have arrive by themselves'}.
      </p>
    </div>
  );
}

function FactsFoot({ model }: OfSpace) {
  const { facts } = model;
  if (facts.size.value === 0) return null;
  return (
    <footer class="facts-foot">
      <p data-testid="fact-count">
        {plural(facts.size.value, 'claim')} in {plural(facts.groups.value.length, 'row')}
        {!facts.complete.value && `; the first ${formatCount(facts.size.value)} only: filter to see others`}
      </p>
      <div class="facts-copy">
        <CopyButton label="Copy JSON" text={() => factsToJson(facts.groups.value)} />
        <CopyButton label="Copy CSV" text={() => factsToCsv(facts.groups.value)} />
      </div>
    </footer>
  );
}
