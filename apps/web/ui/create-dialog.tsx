/** Creating a space: its name, and who may write and read for ever. */
import { type Signal, useSignal } from '@preact/signals';
import { errorNotice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { Dialog } from './dialog.tsx';
import { NoticeBox } from './notices.tsx';

type Write = 'open' | 'invited';
type Read = 'open' | 'secret';

const WRITE = [
  {
    value: 'open',
    title: 'Everybody',
    text: 'Whoever finds the space. First facts cost a little computing time.',
  },
  { value: 'invited', title: 'Invited people', text: 'Only keys that were admitted by an invite.' },
] as const;
const READ = [
  { value: 'open', title: 'Everybody', text: 'Whoever knows the id of the space.' },
  { value: 'secret', title: 'Holders of the secret', text: 'The invite carries it; others get nothing.' },
] as const;

export function CreateDialog({ onClose }: { readonly onClose: () => void }) {
  const session = useSession();
  const name = useSignal('');
  const write = useSignal<Write>('open');
  const read = useSignal<Read>('open');
  const busy = useSignal(false);
  const error = useSignal<unknown>(undefined);
  const create = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    error.value = undefined;
    await session
      .create({ name: name.value.trim(), write: write.value, read: read.value })
      .catch((reason) => {
        error.value = reason;
      });
    busy.value = false;
  };
  return (
    <Dialog title="New space" onClose={onClose}>
      <form onSubmit={create}>
        <label class="label" for="space-name">
          Name
        </label>
        <input
          id="space-name"
          class="field"
          required
          maxLength={100}
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
        <Options legend="Who may write" name="write" chosen={write} options={WRITE} />
        <Options legend="Who may read" name="read" chosen={read} options={READ} />
        <p class="hint">This stays as it is: it is part of the space’s id.</p>
        {error.value !== undefined && <NoticeBox notice={errorNotice(error.value)} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy.value}>
            Create space
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface OptionsProps<T extends string> {
  readonly legend: string;
  readonly name: string;
  readonly chosen: Signal<T>;
  readonly options: readonly { readonly value: T; readonly title: string; readonly text: string }[];
}

function Options<T extends string>({ legend, name, chosen, options }: OptionsProps<T>) {
  return (
    <fieldset class="options">
      <legend class="label">{legend}</legend>
      {options.map(({ value, title, text }) => (
        <label key={value} class="option">
          <input
            type="radio"
            name={name}
            value={value}
            checked={chosen.value === value}
            onChange={() => {
              chosen.value = value;
            }}
          />
          <span>
            <strong>{title}</strong>
            <span class="hint">{text}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
