/** What stands there before a peer runs, and when it cannot. */

import { errorNotice } from '../model/notice.ts';
import type { PlatformProblem } from '../model/platform.ts';
import { NoticeBox } from './notices.tsx';
import { Wordmark } from './wordmark.tsx';

export function Opening({ step }: { readonly step: string }) {
  return (
    <main class="start">
      <Wordmark />
      <p class="start-step" role="status">
        {step}…
      </p>
    </main>
  );
}

export function Blocked({ problems }: { readonly problems: readonly PlatformProblem[] }) {
  return (
    <main class="start">
      <Wordmark />
      <h1>Aver cannot run in this page</h1>
      {problems.map((problem) => (
        <NoticeBox key={problem.code} notice={{ kind: 'error', ...problem }} />
      ))}
      <p class="muted">
        Every page is a full peer that signs what it writes and keeps it. The browser allows both only to
        pages that came over <strong>https</strong> or from <strong>localhost</strong>.
      </p>
    </main>
  );
}

export function StartFailed({ error }: { readonly error: unknown }) {
  return (
    <main class="start">
      <Wordmark />
      <h1>The peer did not start</h1>
      <NoticeBox notice={errorNotice(error)} />
      <button type="button" class="button primary" onClick={() => location.reload()}>
        Try again
      </button>
    </main>
  );
}
