/** The Node peer as commands want it. Loaded when it is needed: most commands talk to a running one. */
import type { MakePeer } from './with-peer.ts';

export const makeNodePeer: MakePeer = async (settings) => {
  const { createNodePeer } = await import('../../src/node.ts');
  return createNodePeer(settings);
};
