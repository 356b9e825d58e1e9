/** Everything about one claim, and forgetting it here. */
import { useSignal } from '@preact/signals';
import type { Fact } from '../../../src/peer/api.ts';
import { formatFullTime } from '../model/format.ts';
import { errorNotice } from '../model/notice.ts';
import { objectKind, objectToText, readable } from '../model/value-text.ts';
import { AuthorChip } from './author-chip.tsx';
import type { OfSpace } from './context.ts';
import { CopyButton } from './copy-button.tsx';
import { Details } from './details.tsx';
import { Dialog } from './dialog.tsx';
import { NoticeBox } from './notices.tsx';

interface FactDialogProps extends OfSpace {
  readonly fact: Fact;
  readonly onClose: () => void;
}

export function FactDialog({ model, fact, onClose }: FactDialogProps) {
  const json = () => JSON.stringify({ ...fact, object: readable(fact.object) }, null, 2);
  return (
    <Dialog title={`${fact.subject} · ${fact.predicate}`} onClose={onClose}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is focusable */}
      <section class="value" tabIndex={0} aria-label="Object">
        <pre>{objectToText(fact.object)}</pre>
      </section>
      <Details
        rows={[
          ['Kind', objectKind(fact.object)],
          ['Confidence', String(fact.confidence)],
          ['Author', <AuthorChip author={fact.author} self={fact.author === model.status.value?.author} />],
          ['Time', formatFullTime(fact.timeMs)],
          ['Clock', <code>{fact.hlc}</code>],
          ['Place', `assertion number ${fact.seq} of its author, claim ${fact.index + 1}`],
          ['Assertion', <code>{fact.id}</code>],
        ]}
      />
      <div class="dialog-foot">
        <Forget model={model} fact={fact} onDone={onClose} />
        <CopyButton label="Copy JSON" text={json} />
      </div>
    </Dialog>
  );
}

function Forget({ model, fact, onDone }: OfSpace & { readonly fact: Fact; readonly onDone: () => void }) {
  const asked = useSignal(false);
  const error = useSignal<unknown>(undefined);
  const forget = () =>
    model.space.erase(fact.id).then(onDone, (reason) => {
      error.value = reason;
    });
  if (error.value !== undefined) return <NoticeBox notice={errorNotice(error.value)} />;
  if (!asked.value)
    return (
      <button
        type="button"
        class="button ghost danger"
        onClick={() => {
          asked.value = true;
        }}
      >
        Forget here…
      </button>
    );
  return (
    <div class="forget">
      <p>
        The content of this assertion leaves this device for good. Other peers keep theirs; id and root stay.
      </p>
      <button type="button" class="button danger" onClick={forget}>
        Forget it
      </button>
    </div>
  );
}
