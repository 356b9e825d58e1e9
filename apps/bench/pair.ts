/** Two processes that are connected: two peers of one space, or two bare libp2p nodes. */
import { join } from 'node:path';
import type { PeerMethods } from './peer-process.ts';
import type { RawMethods } from './raw-process.ts';
import { type Remote, type Started, startProcess } from './remote.ts';

type Stoppable = Pick<PeerMethods, 'stop'>;
type Profiles = { readonly profiles: string | undefined };

export function startPeer(options: Profiles & { readonly exposeGc?: boolean }): Started<PeerMethods> {
  return startProcess<PeerMethods>('peer-process.ts', options);
}

export interface Pair<M> extends AsyncDisposable {
  readonly a: M;
  readonly b: M;
}

/** Two peers with stores of their own; the second has joined the first one's space. */
export async function startPeers(directory: string, options: Profiles): Promise<Pair<Remote<PeerMethods>>> {
  const first = startPeer(options);
  const second = startPeer(options);
  const [a, b] = [first.call, second.call];
  await Promise.all([a.start(join(directory, 'a'), true), b.start(join(directory, 'b'), true)]);
  await a.create();
  await b.join(await a.invite());
  return { a, b, [Symbol.asyncDispose]: () => stopBoth(first, second) };
}

export async function startNodes(options: Profiles): Promise<Pair<Remote<RawMethods>>> {
  const first = startProcess<RawMethods>('raw-process.ts', options);
  const second = startProcess<RawMethods>('raw-process.ts', options);
  const [a, b] = [first.call, second.call];
  const [address] = await Promise.all([a.start(), b.start()]);
  await b.dial(address);
  await Promise.all([a.subscribed(), b.subscribed()]);
  return { a, b, [Symbol.asyncDispose]: () => stopBoth(first, second) };
}

async function stopBoth(first: Started<Stoppable>, second: Started<Stoppable>): Promise<void> {
  await Promise.all([first.call.stop(), second.call.stop()]);
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
}
