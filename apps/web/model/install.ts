/** Installing the app and replacing it by a newer version. */

import { registerSW } from 'virtual:pwa-register';
import { signal } from '@preact/signals';

/** The browser's own offer to install (Chromium); undefined when there is none. */
interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

export const installOffer = signal<InstallOffer | undefined>(undefined);
/** True once the app starts without a network. */
export const offlineReady = signal(false);
/** Loads the newer version that waits; undefined when none does. */
export const update = signal<(() => Promise<void>) | undefined>(undefined);

export function watchInstall(): void {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    installOffer.value = event as InstallOffer;
  });
  addEventListener('appinstalled', () => {
    installOffer.value = undefined;
  });
  // Without a secure context there is no service worker, and the page still works.
  if (!('serviceWorker' in navigator)) return;
  void navigator.serviceWorker.ready.then(() => {
    offlineReady.value = true;
  });
  const load = registerSW({
    onNeedRefresh: () => {
      update.value = () => load(true);
    },
  });
}

export async function install(): Promise<void> {
  await installOffer.value?.prompt();
  installOffer.value = undefined;
}
