/**
 * Sybils: many peer ids of one hand around one victim. Each plays a peer of the space that has what the
 * victim has, and passes nothing on.
 */

import type { FrameStream, Network } from '../../src/base/ports.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { createNodeNetwork } from '../../src/net/node-network.ts';
import { decodeInvite } from '../../src/peer/invite.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { encodeAnswer } from '../../src/sync/answers.ts';
import { type Answer, type Request, SYNC_PROTOCOL, type UnknownRequest } from '../../src/sync/messages.ts';
import { decodeRequest, encodeRequest, OWN_LIMITS } from '../../src/sync/requests.ts';
import { quietPorts } from '../../src/testing/quiet-ports-node.ts';
import { serve } from '../bench/remote.ts';

const networks: Network[] = [];
const ports = quietPorts();

async function startSybil(space: SpaceIdentity, victim: string): Promise<void> {
  const network = await createNodeNetwork({
    seed: systemRandom.bytes(32),
    ports,
    host: '127.0.0.1',
    tcpPort: 0,
    webSocketPort: false,
    webRtcDirectPort: false,
    meets: false,
  });
  networks.push(network);
  network.subscribe(space.topic, async () => 'ignore');
  network.handle(SYNC_PROTOCOL, (stream) => void play(stream).catch(() => undefined));
  await network.start();
  const peerId = await network.dial(victim);
  const stream = await network.openStream(peerId, SYNC_PROTOCOL);
  const { tag } = space;
  await stream.send(
    encodeRequest(1, { type: 'hello', tag, proof: null, clockMs: Date.now(), limits: OWN_LIMITS }),
  );
}

async function play(stream: FrameStream): Promise<void> {
  for await (const frame of stream.frames) {
    const { id, request } = decodeRequest(frame);
    const answer = agreeTo(request);
    if (answer !== undefined) await stream.send(encodeAnswer(id, answer));
  }
}

/** Whatever the victim has, it is just the same here. */
function agreeTo(request: Request | UnknownRequest): Answer | undefined {
  const clockMs = Date.now();
  switch (request.type) {
    case 'hello':
      return { type: 'hello', proof: null, clockMs, limits: OWN_LIMITS };
    case 'ping':
      return { type: 'ping', clockMs, count: null };
    case 'roots':
      return { type: 'roots', root: request.root, count: request.count, flushed: request.root, sketch: null };
    case 'digest':
      return { type: 'ok' };
    default:
      return undefined;
  }
}

const methods = {
  async start(count: number, invite: string, victim: string): Promise<void> {
    const { space } = decodeInvite(invite, Date.now());
    for (let n = 0; n < count; n++) await startSybil(space, victim);
  },

  /** How many are connected. */
  connected: (): number => networks.filter((network) => network.peers().length > 0).length,

  stop: (): Promise<unknown> => Promise.all(networks.map((network) => network.stop())),
};

export type SybilMethods = typeof methods;

serve(methods);
