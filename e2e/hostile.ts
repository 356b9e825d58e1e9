/**
 * A hostile peer, in a process of its own over real libp2p: `node e2e/hostile.ts JOB`, the job in JSON.
 * Prints a line of JSON when it has done its worst, and stays connected until its input ends.
 *
 * - `push`: joins the topic of a space at `target` and publishes forgeries, each under a new peer id,
 *   because the target bans who sends a few.
 * - `garbage`: sends nonsense on the sync protocol.
 * - `serve`: waits to be connected to, and answers syncs with a root, a trie and runs that are forged.
 * - `stranger`: knows everything of a secret space but its secret; tells what it learned.
 */

import { type Forged, forgeries } from '../apps/flood/forgeries.ts';
import { bytesToHex, hexToBytes } from '../src/base/bytes.ts';
import type { FrameStream, Network } from '../src/base/ports.ts';
import { systemRandom } from '../src/base/system-random.ts';
import { createNodeNetwork } from '../src/net/node-network.ts';
import { decodeInvite } from '../src/peer/invite.ts';
import type { SpaceIdentity } from '../src/set/genesis.ts';
import { Trie } from '../src/set/trie.ts';
import { decodeAnswer, encodeAnswer } from '../src/sync/answers.ts';
import { nodeViews } from '../src/sync/descent.ts';
import { type Answer, type Request, SYNC_PROTOCOL } from '../src/sync/messages.ts';
import { encodePush } from '../src/sync/push.ts';
import { decodeRequest, encodeRequest, OWN_LIMITS } from '../src/sync/requests.ts';
import { quietPorts } from '../src/testing/quiet-ports-node.ts';

export interface Job {
  readonly kind: 'push' | 'garbage' | 'serve' | 'stranger';
  /** To the space. For a stranger its secret is thrown away. */
  readonly invite: string;
  readonly target?: string;
  /** Names of forgeries. */
  readonly forgeries?: readonly string[];
}

export interface Done {
  /** Where a serving peer can be reached. */
  readonly addresses: readonly string[];
  /** Types of the answers that a stranger got, by request. */
  readonly answers: Readonly<Record<string, string>>;
  /** In hex: what came over the topic. */
  readonly overheard: readonly string[];
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const space = decodeInvite(job.invite, Date.now()).space;

async function newNetwork(): Promise<Network> {
  const network = await createNodeNetwork({
    seed: systemRandom.bytes(32),
    ports: quietPorts(),
    host: '127.0.0.1',
    webSocketPort: job.kind === 'serve' ? 0 : false,
    tcpPort: false,
    webRtcDirectPort: false,
    meets: false,
  });
  await network.start();
  return network;
}

/** Connected to the target and, with a topic, in its mesh. */
async function meet(topic?: string): Promise<{ network: Network; peerId: string }> {
  const network = await newNetwork();
  if (topic !== undefined)
    network.subscribe(topic, async (_, message) => {
      overheard.push(bytesToHex(message));
      return 'accept';
    });
  const peerId = await network.dial(job.target ?? '');
  while (topic !== undefined && !network.subscribers(topic).includes(peerId)) await tick();
  return { network, peerId };
}

const overheard: string[] = [];
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

function forged(): Promise<Forged[]> {
  return Promise.all((job.forgeries ?? []).map((name) => forgeries[name]?.(space) as Promise<Forged>));
}

async function push(): Promise<void> {
  const messages = (await forged()).map(({ run }) => encodePush(space.id, [run]));
  messages.push(encodePush(systemRandom.bytes(32), [systemRandom.bytes(100)]), systemRandom.bytes(1000));
  for (const message of messages) {
    const { network } = await meet(space.topic);
    // The mesh forms with the next heartbeat; until then a message has nowhere to go.
    while ((await network.publish(space.topic, message).catch(() => 0)) === 0) await tick();
  }
}

async function garbage(): Promise<void> {
  const frames = [
    systemRandom.bytes(200),
    new Uint8Array(0),
    new Uint8Array(64 * 1024).fill(0x81),
    // A hello that ends in the middle.
    encodeRequest(1, hello(space)).subarray(0, 40),
    // The same id twice, unknown requests, and answers that nobody asked for.
    encodeAnswer(7, { type: 'ok' }),
  ];
  for (const frame of frames) {
    const { network, peerId } = await meet();
    const stream = await network.openStream(peerId, SYNC_PROTOCOL);
    await stream.send(frame);
    void drain(stream);
  }
}

function hello(of: SpaceIdentity): Request {
  return {
    type: 'hello',
    tag: of.tag,
    proof: of.secret === undefined ? null : systemRandom.bytes(32),
    clockMs: Date.now(),
    limits: OWN_LIMITS,
  };
}

async function drain(stream: FrameStream): Promise<void> {
  try {
    for await (const _ of stream.frames);
  } catch {
    // The target hangs up, as it should.
  }
}

async function serve(): Promise<readonly string[]> {
  const lies = await forged();
  const network = await newNetwork();
  network.subscribe(space.topic, async () => 'accept');
  network.handle(SYNC_PROTOCOL, (stream) => void answerAll(stream, lies));
  return network.addresses();
}

async function answerAll(stream: FrameStream, lies: readonly Forged[]): Promise<void> {
  try {
    for await (const frame of stream.frames) {
      const { id, request } = decodeRequest(frame);
      const answer = lieTo(request as Request, lies);
      if (answer !== undefined) await stream.send(encodeAnswer(id, answer));
    }
  } catch {
    // Found out.
  }
}

/** A trie that fits the forgeries, so that only they are wrong. */
function lieTo(request: Request, lies: readonly Forged[]): Answer | undefined {
  const trie = Trie.of(lies.map(({ last }) => ({ author: last.author, seq: last.seq, id: last.id })));
  const { root } = trie;
  switch (request.type) {
    case 'hello':
      return { type: 'hello', proof: null, clockMs: Date.now(), limits: OWN_LIMITS };
    case 'ping':
      return { type: 'ping', clockMs: Date.now(), count: lies.length };
    case 'roots':
      return { type: 'roots', root, count: lies.length, flushed: root, sketch: null };
    case 'nodes':
      return { type: 'nodes', nodes: nodeViews(trie, request.salt, request.prefixes) };
    case 'pull':
    case 'fetch':
      return { type: 'runs', runs: lies.map(({ run }) => run), open: false, cursor: null };
    case 'flushed':
      return { type: 'flushed', root };
    case 'digest':
      return { type: 'ok' };
    default:
      return undefined;
  }
}

/** Asks everything there is to ask, and tries to bring something in. */
async function stranger(): Promise<Record<string, string>> {
  const { tag } = space;
  const answers: Record<string, string> = {};
  const { network, peerId } = await meet(space.topic);
  const [brought] = await forged();
  if (brought !== undefined)
    while ((await network.publish(space.topic, encodePush(space.id, [brought.run]))) === 0) await tick();
  const id32 = hexToBytes('00'.repeat(32), 32);
  const range = { author: id32, seq: 1, id: id32, have: [] };
  const questions: Request[] = [
    hello(space),
    { type: 'ping', tag, clockMs: Date.now() },
    { type: 'roots', tag, root: id32, count: 0 },
    { type: 'nodes', tag, root: id32, salt: systemRandom.bytes(16), prefixes: [new Uint8Array(0)] },
    { type: 'digest', tag, packed: false, body: new Uint8Array(8) },
    { type: 'pull', tag, ranges: [range], maxBytes: 1_000_000, cursor: null },
    { type: 'fetch', tag, ids: [id32] },
    { type: 'flushed', tag, unlike: null, waitMs: 0 },
  ];
  for (const question of questions) {
    // Each under a new peer id: who asks twice may be banned.
    const asking = await meet();
    const stream = await asking.network.openStream(asking.peerId, SYNC_PROTOCOL);
    await stream.send(encodeRequest(1, question));
    answers[question.type] = await firstAnswer(stream);
  }
  answers.subscribers = network.subscribers(space.topic).includes(peerId) ? 'subscribed' : 'not subscribed';
  return answers;
}

async function firstAnswer(stream: FrameStream): Promise<string> {
  try {
    for await (const frame of stream.frames) return decodeAnswer(frame).answer.type;
  } catch {
    // As good as no answer.
  }
  return 'hung up';
}

let addresses: readonly string[] = [];
let answers: Record<string, string> = {};
if (job.kind === 'push') await push();
else if (job.kind === 'garbage') await garbage();
else if (job.kind === 'serve') addresses = await serve();
else answers = await stranger();

const told: Done = { addresses, answers, overheard };
process.stdout.write(`${JSON.stringify(told)}\n`);
process.stdin.on('data', () => process.stdout.write(`${JSON.stringify({ ...told, overheard })}\n`));
process.stdin.on('end', () => process.exit(0));
