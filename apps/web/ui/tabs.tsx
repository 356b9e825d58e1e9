/** The four views as tabs: arrow keys, Home and End move between them. */
import { useRef } from 'preact/hooks';
import { VIEWS, type View } from '../model/address.ts';
import { useSession } from './context.ts';

const NAMES: Record<View, string> = { facts: 'Facts', peers: 'Peers', trie: 'Trie', status: 'Status' };

export const tabId = (view: View): string => `tab-${view}`;
export const PANEL_ID = 'panel';

export function Tabs() {
  const session = useSession();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const next = nextView(session.view.value, event.key);
    if (next === undefined) return;
    event.preventDefault();
    session.showView(next);
    list.current?.querySelector<HTMLElement>(`#${tabId(next)}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views" ref={list} onKeyDown={move}>
      {VIEWS.map((view) => (
        <Tab key={view} view={view} />
      ))}
    </div>
  );
}

function Tab({ view }: { readonly view: View }) {
  const session = useSession();
  const selected = session.view.value === view;
  const peers = session.current.value?.peers.value.length ?? 0;
  return (
    <button
      type="button"
      role="tab"
      id={tabId(view)}
      class="tab"
      aria-selected={selected}
      aria-controls={PANEL_ID}
      tabIndex={selected ? 0 : -1}
      onClick={() => session.showView(view)}
    >
      {NAMES[view]}
      {view === 'peers' && peers > 0 && <span class="tab-count">{peers}</span>}
    </button>
  );
}

export function nextView(view: View, key: string): View | undefined {
  const at = VIEWS.indexOf(view);
  if (key === 'ArrowRight') return VIEWS[(at + 1) % VIEWS.length];
  if (key === 'ArrowLeft') return VIEWS[(at + VIEWS.length - 1) % VIEWS.length];
  if (key === 'Home') return VIEWS[0];
  if (key === 'End') return VIEWS[VIEWS.length - 1];
  return undefined;
}
