/** The Node peer as commands want it. Loaded when it is needed: most commands talk to a running one. */
import type { MakePeer } from './with-peer.ts';

export const makeNodePeer: MakePeer = async ({ dataDir, listen, bootstrap, announce, log }) => {
  const { createPeer } = await import('../../src/node.ts');
  return createPeer({
    directory: dataDir,
    listen: listen && {
      host: listen.host,
      tcp: listen.tcp,
      webSocket: listen.ws,
      webRtcDirect: listen.webrtcDirect,
    },
    bootstrap,
    announce,
    log,
  });
};
