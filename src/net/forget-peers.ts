/**
 * libp2p remembers every peer that it ever met, in memory, for hours: up to 64 KiB each, as what it stores
 * is cut from a shared pool. Aver keeps addresses itself, so whoever is gone is forgotten.
 */
import type { Libp2p, PeerId } from '@libp2p/interface';

export function forgetPeers(libp2p: Libp2p): void {
  const forget = (peerId: PeerId) => {
    if (libp2p.getConnections(peerId).length > 0) return;
    libp2p.peerStore.delete(peerId).catch(() => undefined);
  };
  libp2p.addEventListener('peer:disconnect', ({ detail }) => forget(detail));
  // Of a peer that had left before what it told was stored.
  libp2p.addEventListener('peer:identify', ({ detail }) => forget(detail.peerId));
}
