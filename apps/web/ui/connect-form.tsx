/** Connecting to the address of a peer. */
import { useSignal } from '@preact/signals';
import { shortPeer } from '../model/format.ts';
import { errorNotice, type Notice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { NoticeBox } from './notices.tsx';

export function ConnectForm() {
  const { peer } = useSession();
  const address = useSignal('');
  const busy = useSignal(false);
  const outcome = useSignal<Notice | undefined>(undefined);
  const connect = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    outcome.value = undefined;
    try {
      const id = await peer.connect(address.value.trim());
      outcome.value = { kind: 'done', message: `Connected to ${shortPeer(id)}.` };
      address.value = '';
    } catch (error) {
      outcome.value = errorNotice(error);
    }
    busy.value = false;
  };
  return (
    <form class="connect" onSubmit={connect} aria-label="Connect to a peer">
      <label class="connect-field">
        <span class="label">Address of a peer</span>
        <input
          class="field mono"
          required
          spellcheck={false}
          autocomplete="off"
          placeholder="/ip4/127.0.0.1/tcp/4411/ws/p2p/12D3…"
          value={address.value}
          onInput={(event) => {
            address.value = event.currentTarget.value;
          }}
        />
      </label>
      <button type="submit" class="button" disabled={busy.value}>
        {busy.value ? 'Connecting…' : 'Connect'}
      </button>
      {outcome.value !== undefined && <NoticeBox notice={outcome.value} />}
    </form>
  );
}
