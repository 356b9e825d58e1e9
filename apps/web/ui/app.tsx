/** The page around the views. */
import type { Session } from '../model/session.ts';
import { type OfSpace, SessionContext, useSession } from './context.ts';
import { Dialogs } from './dialogs.tsx';
import { FactsView } from './facts-view.tsx';
import { Header } from './header.tsx';
import { NoticeList } from './notices.tsx';
import { PeersView } from './peers-view.tsx';
import { StatusView } from './status-view.tsx';
import { PANEL_ID, Tabs, tabId } from './tabs.tsx';
import { TrieView } from './trie-view.tsx';
import { Welcome } from './welcome.tsx';

export function App({ session }: { readonly session: Session }) {
  const model = session.current.value;
  return (
    <SessionContext.Provider value={session}>
      <a class="skip" href={`#${PANEL_ID}`} onClick={skip}>
        Skip to content
      </a>
      <Header />
      <NoticeList />
      {model === undefined ? <Welcome /> : <Views key={model.space.id} model={model} />}
      <Dialogs />
    </SessionContext.Provider>
  );
}

const VIEW = { facts: FactsView, peers: PeersView, trie: TrieView, status: StatusView };

function Views({ model }: OfSpace) {
  return (
    <main class="main">
      <h1 class="sr-only">{model.space.name}</h1>
      <Tabs />
      <Panel model={model} />
    </main>
  );
}

function Panel({ model }: OfSpace) {
  const view = useSession().view.value;
  const Shown = VIEW[view];
  return (
    <div id={PANEL_ID} class={`panel ${view}`} role="tabpanel" aria-labelledby={tabId(view)} tabIndex={-1}>
      <Shown model={model} />
    </div>
  );
}

/** The fragment of the address means an invite here, so the skip link only moves the focus. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById(PANEL_ID)?.focus();
}
