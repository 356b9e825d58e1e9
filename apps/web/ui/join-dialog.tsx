/** Joining a space by a pasted link or text. */
import { useSignal } from '@preact/signals';
import { errorNotice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { Dialog } from './dialog.tsx';
import { NoticeBox } from './notices.tsx';

export function JoinDialog({ onClose }: { readonly onClose: () => void }) {
  const session = useSession();
  const invite = useSignal('');
  const error = useSignal<unknown>(undefined);
  const join = async (event: Event) => {
    event.preventDefault();
    error.value = undefined;
    await session.open(invite.value).catch((reason) => {
      error.value = reason;
    });
  };
  return (
    <Dialog title="Join a space" onClose={onClose}>
      <form onSubmit={join}>
        <label class="label" for="invite-text">
          Invite link or text
        </label>
        <textarea
          id="invite-text"
          class="field mono"
          rows={4}
          required
          spellcheck={false}
          value={invite.value}
          onInput={(event) => {
            invite.value = event.currentTarget.value;
          }}
        />
        <p class="hint">The space opens at once; its facts arrive as soon as one of its peers is reached.</p>
        {error.value !== undefined && <NoticeBox notice={errorNotice(error.value)} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={session.joining.value}>
            {session.joining.value ? 'Joining…' : 'Join space'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
