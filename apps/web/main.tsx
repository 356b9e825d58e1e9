/**
 * Composition of the web app: looks at the platform, starts the peer, shows the pages.
 *
 * For end-to-end tests, by accessible role and name (and few test ids):
 * - Views: tab "Facts", "Peers", "Trie", "Status"; `?view=peers` opens one.
 * - Head: combobox "Space"; buttons "New space", "Join", "Invite"; test id `sync-summary`.
 * - Form "Write a fact": textbox/combobox "Subject", "Predicate", "Object", spinbutton "Confidence",
 *   button "Write"; afterwards a status "Saved here: …" or an alert with message, code and advice.
 * - Search "Filter facts": "Subject starts with", "Predicate is", combobox "Order".
 * - Table "Facts": rows with the cells of its column headers; only rows on the screen exist, the
 *   count is in test id `fact-count` ("5,012 claims in 4,980 rows") and in aria-rowcount. Button
 *   "2 competing claims on SUBJECT PREDICATE" expands; the winner's row has the text "winner".
 *   The button in the Object cell opens dialog "SUBJECT · PREDICATE".
 * - Dialog "Join a space": textbox "Invite link or text", button "Join space".
 * - Dialog "New space": textbox "Name", radios "Everybody …", "Invited people …" in group
 *   "Who may write", "Everybody …", "Holders of the secret …" in "Who may read"; "Create space".
 * - Dialog "Invite to NAME": textbox "Link", "Text"; combobox "Expires after"; checkbox "Reading
 *   only"; image "QR code of the invite to NAME".
 * - Invite in the address that fails: dialog "This invite cannot be used" (or on the welcome page)
 *   with an alert.
 * - Peers: table "Peers" (cells Peer, Set, Root, Link, Round trip, Compared), the same as buttons
 *   "Compare with peer …" in group "You and N peers"; form "Connect to a peer".
 * - Trie: combobox "Compare with", table "Trie nodes", table "Authors behind the difference".
 * - Status: regions "Space", "Storage" (button "Ask to keep them"), "Export and import" (button
 *   "Export this space", file input "Import a file"), "This peer", "App", "Problems".
 * - No cryptography: heading "Aver cannot run in this page" with an alert NO_WEBCRYPTO.
 */
import { render } from 'preact';
import { isLocalHost, readAddress } from './model/address.ts';
import { loadBootstrap } from './model/bootstrap.ts';
import { watchInstall } from './model/install.ts';
import { platformProblems } from './model/platform.ts';
import { pageStorage } from './model/saved.ts';
import { Session } from './model/session.ts';
import { App } from './ui/app.tsx';
import { Blocked, Opening, StartFailed } from './ui/start-screens.tsx';

const storage = pageStorage();
const root = document.querySelector('#app') ?? document.body;

async function start(): Promise<void> {
  render(<Opening step="Reaching the network" />, root);
  const bootstrap = await loadBootstrap(document.baseURI, storage);
  render(<Opening step="Starting the peer" />, root);
  // The page stands before the peer's code is here.
  const { createPeer } = await import('../../src/browser.ts');
  const peer = await createPeer({
    profile: readAddress(location.href).profile,
    bootstrap: bootstrap.addresses,
    // A page from this machine or network may well talk to peers there; one from the web may not.
    allowPrivate: isLocalHost(location.hostname),
    iceServers: bootstrap.iceServers ?? [],
  });
  const session = new Session(peer, {
    href: () => location.href,
    replace: (href) => history.replaceState(null, '', href),
    storage,
  });
  addEventListener('hashchange', () => void session.openFromAddress());
  addEventListener('pagehide', () => void session.stop());
  // A page that comes back from the browser's cache has no peer any more.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
  render(<App session={session} />, root);
  await session.start(bootstrap);
}

const problems = platformProblems(globalThis).filter((problem) => problem.blocking);
if (problems.length > 0) render(<Blocked problems={problems} />, root);
else {
  watchInstall();
  start().catch((error) => render(<StartFailed error={error} />, root));
}
