/** The head of the page: name, space switcher, the answer to "did it sync?", and ways in and out. */
import { useSession } from './context.ts';
import { Icon } from './icon.tsx';
import { Seal } from './seal.tsx';
import { Wordmark } from './wordmark.tsx';

export function Header() {
  const session = useSession();
  return (
    <header class="head">
      <div class="head-name">
        <Wordmark />
        {session.profile !== 'default' && (
          <span class="badge" title="Profile of this peer">
            {session.profile}
          </span>
        )}
        {session.info.value?.role === 'follower' && session.ended.value === undefined && (
          <span class="badge calm" title="Another tab of this profile is the peer; this one shows the same">
            follows a tab
          </span>
        )}
      </div>
      <SpaceSwitcher />
      <SyncPill />
    </header>
  );
}

function SpaceSwitcher() {
  const session = useSession();
  const spaces = session.spaces.value;
  const current = session.current.value?.space;
  const open = (name: 'join' | 'create' | 'invite') => () => {
    session.dialog.value = name;
  };
  return (
    <section class="switcher" aria-label="Spaces">
      {spaces.length > 0 && (
        <select
          class="field space-select"
          aria-label="Space"
          value={current?.id}
          onChange={(event) => void session.select(event.currentTarget.value)}
        >
          {spaces.map((space) => (
            <option key={space.id} value={space.id}>
              {space.name}
            </option>
          ))}
        </select>
      )}
      <button type="button" class="button" onClick={open('create')}>
        <Icon name="plus" />
        <span class="wide">New space</span>
        <span class="slim">New</span>
      </button>
      <button type="button" class="button" onClick={open('join')}>
        <Icon name="join" />
        Join
      </button>
      {current !== undefined && (
        <button type="button" class="button primary" onClick={open('invite')}>
          <Icon name="share" />
          Invite
        </button>
      )}
    </section>
  );
}

const STOPPED = { sign: '!', text: 'Stopped', tone: 'warn' };

function SyncPill() {
  const { current, ended } = useSession();
  const model = current.value;
  if (model === undefined) return null;
  const { sign, text, tone } = ended.value === undefined ? model.summary.value : STOPPED;
  return (
    <div class={`pill ${tone}`} data-testid="sync-summary">
      <Seal root={model.status.value?.root} size={26} />
      <span class="pill-sign" aria-hidden="true">
        {sign}
      </span>
      <span role="status">{text}</span>
    </div>
  );
}
