/** The Node peer as commands want it. Loaded when it is needed: most commands talk to a running one. */
import type { MakePeer } from './with-peer.ts';

export const makeNodePeer: MakePeer = async ({ dataDir, listen, bootstrap, log }) => {
  const { createPeer } = await import('../../src/node.ts');
  return createPeer({
    directory: dataDir,
    bootstrap,
    log,
    listen:
      listen === undefined
        ? false
        : {
            host: listen.host,
            tcp: listen.tcp ?? false,
            webSocket: listen.ws ?? false,
            webRtcDirect: listen.webrtcDirect ?? false,
          },
  });
};
