/**
 * libp2p remembers every peer that it ever met or failed to reach, in memory, for hours: up to 64 KiB each, as
 * what it stores is cut from a shared pool. Aver keeps addresses itself, so whoever is gone is forgotten.
 */
import type { Libp2p, PeerId } from '@libp2p/interface';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';

/** Until the returned function is called. */
export function forgetPeers(libp2p: Libp2p, clock: Clock): () => void {
  const forget = async (peerId: PeerId) => {
    if (libp2p.getConnections(peerId).length === 0) await libp2p.peerStore.delete(peerId);
  };
  const onDisconnect = ({ detail }: CustomEvent<PeerId>) => void forget(detail).catch(() => undefined);
  libp2p.addEventListener('peer:disconnect', onDisconnect);
  // What is told late, and dials that fail, are stored after the peer has gone.
  const sweep = async () => {
    for (const { id } of await libp2p.peerStore.all()) await forget(id);
  };
  let cancel: () => void = () => undefined;
  const wait = () => {
    cancel = clock.setTimer(limits.forgetPeersMs, () => {
      void sweep().catch(() => undefined);
      wait();
    });
  };
  wait();
  return () => {
    libp2p.removeEventListener('peer:disconnect', onDisconnect);
    cancel();
  };
}
