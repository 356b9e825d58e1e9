/** What stands there while no space is open. */
import { errorNotice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { NoticeBox } from './notices.tsx';
import { PANEL_ID } from './tabs.tsx';

export function Welcome() {
  const session = useSession();
  if (session.joining.value)
    return (
      <main class="welcome" id={PANEL_ID} tabIndex={-1}>
        <p role="status">Joining the space…</p>
      </main>
    );
  return (
    <main class="welcome" id={PANEL_ID} tabIndex={-1}>
      <h1>No space yet</h1>
      <p class="lead">
        A space is what you share: its facts are held by everybody in it, and no one has to be online for you
        to write.
      </p>
      {session.inviteError.value !== undefined && (
        <NoticeBox notice={errorNotice(session.inviteError.value)} />
      )}
      <div class="choices">
        <Choice
          name="join"
          title="Join with an invite"
          text="Paste the link or the text that somebody sent you."
        />
        <Choice
          name="create"
          title="Start a new space"
          text="Choose who may read and write, then invite others."
        />
      </div>
    </main>
  );
}

function Choice(props: { readonly name: 'join' | 'create'; readonly title: string; readonly text: string }) {
  const session = useSession();
  const open = () => {
    session.dialog.value = props.name;
  };
  return (
    <button type="button" class="choice" onClick={open}>
      <strong>{props.title}</strong>
      <span>{props.text}</span>
    </button>
  );
}
