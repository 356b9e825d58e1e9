/** The form that writes one claim, and what stands in its place where one may only read. */
import { type Signal, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { errorNotice, type Notice } from '../model/notice.ts';
import { objectKind, textToObject } from '../model/value-text.ts';
import { type OfSpace, useSession } from './context.ts';
import { CopyButton } from './copy-button.tsx';
import { PREDICATES_ID } from './fact-filter.tsx';
import { NoticeBox } from './notices.tsx';

export function WriteForm({ model }: OfSpace) {
  const subject = useSignal('');
  const predicate = useSignal('');
  const object = useSignal('');
  const confidence = useSignal('1');
  const outcome = useSignal<Notice | undefined>(undefined);
  const busy = useSignal(false);
  const first = useRef<HTMLInputElement>(null);

  const write = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    try {
      const receipt = await model.write({
        subject: subject.value.trim(),
        predicate: predicate.value.trim(),
        object: textToObject(object.value),
        confidence: Number(confidence.value),
      });
      const saved = `Saved here: your assertion number ${receipt.seq}.`;
      outcome.value = receipt.warning
        ? { kind: 'warning', message: `${saved} ${receipt.warning.message}`, code: receipt.warning.code }
        : { kind: 'done', message: saved };
      object.value = '';
      first.current?.focus();
    } catch (error) {
      outcome.value = errorNotice(error);
    }
    busy.value = false;
  };

  return (
    <form class="card write" onSubmit={write} aria-label="Write a fact">
      <TextField label="Subject" value={subject} placeholder="alice" input={first} />
      <TextField label="Predicate" value={predicate} placeholder="likes" list={PREDICATES_ID} />
      <ObjectField value={object} />
      <ConfidenceField value={confidence} />
      <button type="submit" class="button primary" disabled={busy.value}>
        {busy.value ? 'Writing…' : 'Write'}
      </button>
      {outcome.value !== undefined && (
        <div class="write-outcome">
          <NoticeBox
            notice={outcome.value}
            onClose={() => {
              outcome.value = undefined;
            }}
          />
        </div>
      )}
    </form>
  );
}

interface TextFieldProps {
  readonly label: string;
  readonly value: Signal<string>;
  readonly placeholder: string;
  readonly list?: string;
  readonly input?: RefObject<HTMLInputElement | null>;
}

function TextField({ label, value, placeholder, list, input }: TextFieldProps) {
  return (
    <label class="write-field">
      <span class="label">{label}</span>
      <input
        {...(input !== undefined && { ref: input })}
        {...(list !== undefined && { list })}
        type="text"
        class="field"
        required
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}

function ObjectField({ value }: { readonly value: Signal<string> }) {
  return (
    <label class="write-field object">
      <span class="label">
        Object
        {value.value !== '' && <span class="object-kind">as {objectKind(textToObject(value.value))}</span>}
      </span>
      <input
        class="field"
        required
        autocomplete="off"
        spellcheck={false}
        placeholder={'green tea, 42 or {"any": "JSON"}'}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}

function ConfidenceField({ value }: { readonly value: Signal<string> }) {
  return (
    <label class="write-field confidence">
      <span class="label">Confidence</span>
      <input
        class="field"
        type="number"
        min="0"
        max="1"
        step="any"
        required
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}

export function NoWriting({ model }: OfSpace) {
  const session = useSession();
  const author = model.status.value?.author ?? '';
  return (
    <section class="card no-writing" aria-label="Writing">
      <p>
        <strong>You may read here.</strong> To write, send your author key to somebody who admits people to
        this space; they make you an invite that names it.
      </p>
      <div class="no-writing-ways">
        <CopyButton label="Copy my author key" text={() => author} />
        <button
          type="button"
          class="button"
          onClick={() => {
            session.dialog.value = 'join';
          }}
        >
          Use such an invite
        </button>
      </div>
    </section>
  );
}
