/** Errors with what to do about them, and news. */
import type { ComponentChildren } from 'preact';
import { update } from '../model/install.ts';
import { errorNotice, type Notice } from '../model/notice.ts';
import { useSession } from './context.ts';
import { Icon } from './icon.tsx';

const SIGNS = { error: '!', warning: '!', done: '✓' } as const;

interface NoticeBoxProps {
  readonly notice: Notice;
  readonly onClose?: () => void;
  /** What can be done about it. */
  readonly children?: ComponentChildren;
}

export function NoticeBox({ notice, onClose, children }: NoticeBoxProps) {
  return (
    <div class={`notice ${notice.kind}`} role={notice.kind === 'done' ? 'status' : 'alert'}>
      <span class="notice-sign" aria-hidden="true">
        {SIGNS[notice.kind]}
      </span>
      <div class="notice-text">
        <p>
          {notice.message}
          {notice.code !== undefined && <code class="code">{notice.code}</code>}
        </p>
        {notice.advice !== undefined && <p class="advice">{notice.advice}</p>}
      </div>
      {children}
      {onClose !== undefined && (
        <button type="button" class="button ghost icon-only" aria-label="Dismiss" onClick={onClose}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

export function NoticeList() {
  const { ended, notices } = useSession();
  return (
    <div class="notices">
      {ended.value !== undefined && (
        <NoticeBox notice={errorNotice(ended.value)}>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </NoticeBox>
      )}
      {update.value !== undefined && (
        <div class="notice done" role="status">
          <span class="notice-sign" aria-hidden="true">
            ↻
          </span>
          <p class="notice-text">A newer version of this app is here.</p>
          <button type="button" class="button" onClick={() => void update.value?.()}>
            Reload
          </button>
        </div>
      )}
      {notices.list.value.map((notice) => (
        <NoticeBox key={notice.id} notice={notice} onClose={() => notices.close(notice.id)} />
      ))}
    </div>
  );
}
