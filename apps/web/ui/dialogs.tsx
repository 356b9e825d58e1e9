/** The dialog that is open, if any. */
import { errorNotice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { CreateDialog } from './create-dialog.tsx';
import { Dialog } from './dialog.tsx';
import { InviteDialog } from './invite-dialog.tsx';
import { JoinDialog } from './join-dialog.tsx';
import { NoticeBox } from './notices.tsx';

export function Dialogs() {
  const session = useSession();
  const close = () => {
    session.dialog.value = undefined;
  };
  const model = session.current.value;
  if (session.dialog.value === 'join') return <JoinDialog onClose={close} />;
  if (session.dialog.value === 'create') return <CreateDialog onClose={close} />;
  if (session.dialog.value === 'invite' && model) return <InviteDialog model={model} onClose={close} />;
  if (session.inviteError.value !== undefined && model) return <InviteFailed />;
  return null;
}

/** The address bar held an invite that could not be used, while other spaces are open. */
function InviteFailed() {
  const session = useSession();
  const close = () => {
    session.inviteError.value = undefined;
  };
  return (
    <Dialog title="This invite cannot be used" onClose={close}>
      <NoticeBox notice={errorNotice(session.inviteError.value)} />
      <p class="muted">Your other spaces are as they were.</p>
      <div class="dialog-foot">
        <button type="button" class="button primary" onClick={close}>
          Go on
        </button>
      </div>
    </Dialog>
  );
}
