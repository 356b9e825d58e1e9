/** Whether the app starts without a network, and the offer to install it. */
import { install, installOffer, offlineReady } from '../model/install.ts';

export function InstallCard() {
  return (
    <section class="card" aria-label="App">
      <header class="card-head">
        <h2>App</h2>
        <span class={`badge ${offlineReady.value ? 'good' : 'calm'}`}>
          {offlineReady.value ? '✓ works offline' : 'not stored for offline use'}
        </span>
      </header>
      <p class="muted">
        {offlineReady.value
          ? 'The page itself is stored here: it opens without a network, and you can write.'
          : 'The page is stored for offline use when it comes over https or from localhost.'}
      </p>
      {installOffer.value !== undefined && (
        <button type="button" class="button" onClick={install}>
          Install
        </button>
      )}
    </section>
  );
}
