/** The page of `browser-network.test.ts`: one browser peer, to be driven from outside. */

import { MemoryMetrics } from '../base/counters.ts';
import { consoleLog } from '../base/log.ts';
import type { FrameStream } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { createBrowserNetwork } from './browser-network.ts';
import type { Libp2pNetwork } from './libp2p-network.ts';

export interface Page {
  network: Libp2pNetwork;
  /** First bytes of the gossip messages received. */
  inbox: number[];
  join: (addresses: readonly string[], topic: string) => Promise<string>;
  /** Sends a frame to the peer and counts the bytes of the echo. */
  echo: (peerId: string, bytes: number) => Promise<number>;
}

declare global {
  interface Window {
    peer: Partial<Page>;
  }
}

async function join(addresses: readonly string[], topic: string): Promise<string> {
  const network = await createBrowserNetwork({
    seed: systemRandom.bytes(32),
    allowPrivate: true,
    ports: {
      clock: systemClock,
      random: systemRandom,
      log: consoleLog(),
      crypto: pureCrypto(),
      metrics: new MemoryMetrics(),
    },
  });
  window.peer.network = network;
  network.handle('/test/echo', (stream) => void answer(stream));
  network.subscribe(topic, async (_from, message) => {
    window.peer.inbox?.push(message[0] ?? -1);
    return 'accept';
  });
  await network.start();
  network.keep(addresses);
  return network.peerId;
}

async function answer(stream: FrameStream): Promise<void> {
  for await (const frame of stream.frames) await stream.send(frame);
  await stream.close();
}

async function echo(peerId: string, bytes: number): Promise<number> {
  const stream = await window.peer.network?.openStream(peerId, '/test/echo');
  if (stream === undefined) throw new Error('The page has not joined.');
  await stream.send(new Uint8Array(bytes));
  await stream.close();
  let received = 0;
  for await (const frame of stream.frames) received += frame.length;
  return received;
}

window.peer = { inbox: [], join, echo };
