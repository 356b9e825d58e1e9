/** Inviting somebody: link, text and QR code, with what they grant and until when. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Invite } from '../../../src/peer/api.ts';
import { isLoopbackHost } from '../model/address.ts';
import { formatFullTime } from '../model/format.ts';
import { errorNotice } from '../model/notice.ts';
import { type OfSpace, useSession } from './context.ts';
import { CopyButton } from './copy-button.tsx';
import { Dialog } from './dialog.tsx';
import { NoticeBox } from './notices.tsx';
import { QrCode } from './qr-code.tsx';

const HOUR_MS = 3_600_000;
const LIFETIMES = [
  { hours: 1, text: 'an hour' },
  { hours: 24, text: 'a day' },
  { hours: 24 * 7, text: 'a week' },
  { hours: 24 * 30, text: '30 days' },
];

export function InviteDialog({ model, onClose }: OfSpace & { readonly onClose: () => void }) {
  const session = useSession();
  const hours = useSignal(24 * 7);
  const readOnly = useSignal(false);
  const invite = useSignal<Invite | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  useEffect(() => {
    let wanted = true;
    const base = session.inviteBase();
    model.space
      .invite({ ttlMs: hours.value * HOUR_MS, base, ...(readOnly.value && { readOnly: true }) })
      .then((made) => {
        if (wanted) invite.value = made;
      })
      .catch((reason) => {
        if (wanted) error.value = reason;
      });
    return () => {
      wanted = false;
    };
  }, [hours.value, readOnly.value]);
  const invitedOnly = model.status.value?.write === 'invited';
  return (
    <Dialog title={`Invite to ${model.space.name}`} onClose={onClose}>
      <div class="invite-options">
        <Lifetime hours={hours} />
        {invitedOnly && <ReadOnly readOnly={readOnly} />}
      </div>
      {error.value !== undefined && <NoticeBox notice={errorNotice(error.value)} />}
      {invite.value === undefined ? (
        <p role="status">Making the invite…</p>
      ) : (
        <InviteShown invite={invite.value} personal={invitedOnly && !readOnly.value} />
      )}
    </Dialog>
  );
}

function InviteShown({ invite, personal }: { readonly invite: Invite; readonly personal: boolean }) {
  return (
    <div class="invite">
      <QrCode text={invite.link} label={`QR code of the invite to ${invite.name}`} />
      <div class="invite-texts">
        <CopyField id="invite-link" label="Link" text={invite.link} />
        <CopyField id="invite-text-out" label="Text" text={invite.text} />
        <p class="hint">
          Good until {formatFullTime(invite.expiresAtMs)}. Grants{' '}
          {invite.grants.write ? 'reading and writing' : 'reading'}.
          {personal && ' It is for one person: make another one for the next.'}
        </p>
        {isLoopbackHost(location.hostname) && (
          <p class="hint">
            The link starts with {location.host}, which only this machine can open. Elsewhere, paste the text.
          </p>
        )}
      </div>
    </div>
  );
}

function CopyField(props: { readonly id: string; readonly label: string; readonly text: string }) {
  return (
    <div class="copy-field">
      <label class="label" for={props.id}>
        {props.label}
      </label>
      <div class="copy-row">
        <input
          id={props.id}
          class="field mono"
          readOnly
          value={props.text}
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton label={`Copy ${props.label.toLowerCase()}`} text={() => props.text} />
      </div>
    </div>
  );
}

function Lifetime({ hours }: { readonly hours: Signal<number> }) {
  return (
    <label class="inline-label">
      Expires after
      <select
        class="field"
        value={hours.value}
        onChange={(event) => {
          hours.value = Number(event.currentTarget.value);
        }}
      >
        {LIFETIMES.map((lifetime) => (
          <option key={lifetime.hours} value={lifetime.hours}>
            {lifetime.text}
          </option>
        ))}
      </select>
    </label>
  );
}

function ReadOnly({ readOnly }: { readonly readOnly: Signal<boolean> }) {
  return (
    <label class="inline-label">
      <input
        type="checkbox"
        checked={readOnly.value}
        onChange={(event) => {
          readOnly.value = event.currentTarget.checked;
        }}
      />
      Reading only
    </label>
  );
}
