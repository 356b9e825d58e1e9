/**
 * Conversations with the real engine over a network in memory: requests, answers and gossip, sound and
 * spoiled, in any order, on several streams, begun and not ended. From a seed.
 */
import { encodeRun } from '../../src/assertion/run-codec.ts';
import type { FrameStream } from '../../src/base/ports.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { decodeAnswer, encodeAnswer } from '../../src/sync/answers.ts';
import { anyAnswer, anyRequest } from '../../src/sync/messages.fixture.ts';
import type { Answer, Request } from '../../src/sync/messages.ts';
import { encodePush } from '../../src/sync/push.ts';
import { encodeRequest, OWN_LIMITS } from '../../src/sync/requests.ts';
import { actor } from '../../src/testing/hostile.ts';
import { RawPeer, type Script } from '../../src/testing/raw-peer.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SyncPeer } from '../../src/testing/sync-peer.ts';
import { mutate } from './mutate.ts';
import { runs, sampled, space } from './targets/samples.ts';

/** Frames of one conversation that the hostile side sends unasked. */
const FRAMES = 40;
/** Silence costs the honest side a deadline, so there is little of it. */
const SILENCE = 0.03;
const TIMEOUT_MS = 150;

const hello: Request = { type: 'hello', tag: space.tag, proof: null, clockMs: 0, limits: OWN_LIMITS };

export class Talks {
  /** Frames and messages that the honest side was sent. */
  frames = 0;
  /** Answers that a defect made: what is `INTERNAL` is nobody's fault but ours. */
  readonly defects: string[] = [];
  readonly honest: SyncPeer;
  readonly #hub: MemoryHub;
  readonly #requests: readonly Request[];
  readonly #answers: readonly Answer[];
  readonly #pool: readonly Uint8Array[];
  readonly #script: Script;
  readonly #pushes: readonly Uint8Array[];

  private constructor(
    hub: MemoryHub,
    honest: SyncPeer,
    seed: number,
    made: Awaited<ReturnType<typeof runs>>,
  ) {
    this.#hub = hub;
    this.honest = honest;
    this.#requests = sampled(anyRequest, 200, seed);
    this.#answers = sampled(anyAnswer, 200, seed);
    this.#pool = this.#requests.map((request, i) => encodeRequest(i, request));
    this.#script = actor(made);
    this.#pushes = made.map((run) => encodePush(space.id, [encodeRun(run)]));
  }

  static async start(seed: number): Promise<Talks> {
    const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(seed) });
    const options = { requestTimeoutMs: TIMEOUT_MS, antiEntropyMs: 1e9, digestMs: 1e9 };
    const honest = await SyncPeer.start({ hub, space, number: 1, ...options });
    await honest.write(3);
    return new Talks(hub, honest, seed, await runs(6, seed));
  }

  /** One stranger, from its connection to its last word. */
  async talk(seed: number): Promise<void> {
    const random = new SeededRandom(seed);
    const stranger = await RawPeer.start(this.#hub, `stranger-${seed}`, this.#liar(random));
    await stranger.connect(this.honest.id);
    const syncing = this.honest.sync.sync({ peerId: stranger.network.peerId }).catch(() => undefined);
    const streams: FrameStream[] = [];
    try {
      for (let i = 0; i < FRAMES; i++) {
        const chance = random.number();
        if (streams.length === 0 || chance < 0.05) streams.push(await this.#open(stranger, random));
        else if (chance < 0.08) await this.#leave(streams, random);
        else if (chance < 0.15) await this.#gossip(stranger, random);
        else await this.#say(streams[random.integer(streams.length)] as FrameStream, this.#request(random));
      }
    } catch {
      // It was banned, or left a stream that it goes on to use.
    }
    await syncing;
    await stranger.network.stop();
  }

  async #open(stranger: RawPeer, random: SeededRandom): Promise<FrameStream> {
    const { stream } = await stranger.open(this.honest.id);
    void this.#listen(stream);
    if (random.integer(4) > 0) await this.#say(stream, encodeRequest(0, hello));
    return stream;
  }

  async #listen(stream: FrameStream): Promise<void> {
    try {
      for await (const frame of stream.frames) {
        const { answer } = decodeAnswer(frame);
        if (answer.type === 'error' && answer.code === 'INTERNAL') this.defects.push('INTERNAL');
      }
    } catch {
      // It broke off.
    }
  }

  async #leave(streams: FrameStream[], random: SeededRandom): Promise<void> {
    const [stream] = streams.splice(random.integer(streams.length), 1);
    if (random.integer(2) === 0) stream?.abort(new Error('bored'));
    else await stream?.close();
  }

  async #say(stream: FrameStream, frame: Uint8Array): Promise<void> {
    this.frames++;
    await stream.send(frame);
  }

  /** One that the honest side understands, mostly; about its space and a root that it knows, often. */
  #request(random: SeededRandom): Uint8Array {
    const any = this.#requests[random.integer(this.#requests.length)] as Request;
    const tag = random.integer(8) > 0 && 'tag' in any ? { tag: space.tag } : {};
    const root = random.integer(4) > 0 && 'root' in any ? { root: this.honest.replica.frontier.root() } : {};
    const frame = encodeRequest(random.integer(6), { ...any, ...tag, ...root } as Request);
    return random.integer(10) === 0 ? mutate(frame, random, this.#pool) : frame;
  }

  async #gossip(stranger: RawPeer, random: SeededRandom): Promise<void> {
    this.frames++;
    const push = this.#pushes[random.integer(this.#pushes.length)] as Uint8Array;
    const message = random.integer(4) > 0 ? push : mutate(push, random, this.#pushes);
    await stranger.network.publish(space.topic, message);
  }

  /** Answers as one who has some runs does, or with something else, or spoiled, or too often, or not at all. */
  #liar(random: SeededRandom): Script {
    return (request, id, stream) => {
      this.frames++;
      const chance = random.number();
      if (chance < SILENCE) return [];
      const said =
        chance < 0.2
          ? [this.#answers[random.integer(this.#answers.length)]]
          : this.#script(request, id, stream);
      return said.flatMap((answer) => {
        if (answer === undefined || answer instanceof Uint8Array || !('type' in answer)) return [];
        const frame = encodeAnswer(random.integer(12) === 0 ? id + 1 : id, answer);
        const spoiled = random.integer(8) === 0 ? mutate(frame, random, this.#pool) : frame;
        return random.integer(12) === 0 ? [spoiled, spoiled] : [spoiled];
      });
    };
  }

  /** Whether somebody honest is still answered. */
  async isWell(): Promise<boolean> {
    const friend = await RawPeer.start(this.#hub, `friend-${this.frames}`);
    await friend.connect(this.honest.id);
    const stream = await friend.open(this.honest.id);
    const greeted = await stream.ask(hello);
    const root = new Uint8Array(32);
    const answer = await stream.ask({ type: 'roots', tag: space.tag, root, count: 0 });
    await friend.network.stop();
    return greeted.type === 'hello' && answer.type === 'roots';
  }

  /** Faults that no code explains. */
  get internal(): number {
    const names = ['sync_failures', 'sync_streams_failed', 'push_rejected', 'sync_faults'];
    return names.reduce((sum, name) => sum + this.honest.metric(name, { code: 'INTERNAL' }), 0);
  }

  stop(): Promise<void> {
    return this.honest.stop();
  }
}
