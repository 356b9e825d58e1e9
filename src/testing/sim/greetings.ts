/** Who is connected, and in the same space, has compared roots: nobody is left half connected, to be told nothing. */
import type { LocalSpace } from '../../peer/local-space.ts';
import type { SimPeer, World } from './sim-peer.ts';

/** Connections may be new. */
const PATIENCE_S = 30;
const LOOK_EVERY_MS = 1000;

/** `spaceOf`: the one to look at of each peer that is in it. */
export async function checkGreetings(
  { oracle, time }: World,
  peers: readonly SimPeer[],
  spaceOf: (peer: SimPeer) => LocalSpace | undefined,
): Promise<void> {
  const members = new Map(peers.flatMap((peer) => [[peer.name, spaceOf(peer)] as const]));
  const strangersOf = async (name: string, space: LocalSpace | undefined) => {
    const connected = (await space?.status())?.peers ?? [];
    return connected
      .filter(({ id, comparedAtMs }) => members.get(id) !== undefined && comparedAtMs === undefined)
      .map(({ id }) => `${name} has not compared with ${id}`);
  };
  let strangers: string[] = [];
  for (let second = 0; second < PATIENCE_S; second++) {
    const told = Promise.all([...members].map(([name, space]) => strangersOf(name, space)));
    await time.advance(LOOK_EVERY_MS);
    strangers = (await told).flat();
    if (strangers.length === 0) return;
  }
  oracle.fail('connected peers know each other', strangers.join(', '));
}
