/** A peer that says on sync streams whatever a test wants it to say. */
import type { Clock, FrameStream } from '../base/ports.ts';
import type { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import { decodeAnswer, encodeAnswer } from '../sync/answers.ts';
import { type Answer, type Request, SYNC_PROTOCOL, type UnknownRequest } from '../sync/messages.ts';
import { decodeRequest, encodeRequest } from '../sync/requests.ts';

/** An answer under another id, or later. */
interface Said {
  readonly id?: number;
  readonly afterMs?: number;
  readonly answer: Answer;
}

/** Answers of one request, each under its id or under another; nothing for silence. */
export type Script = (
  request: Request | UnknownRequest,
  id: number,
  /** Number of the stream that it came on, from 1. */
  stream: number,
) => readonly (Answer | Said | Uint8Array)[];

export class RawPeer {
  readonly network: MemoryNetwork;
  readonly #clock: Clock;
  /** What others asked, in order. */
  readonly asked: (Request | UnknownRequest)[] = [];
  #streams = 0;

  private constructor(network: MemoryNetwork, clock: Clock) {
    this.network = network;
    this.#clock = clock;
  }

  static async start(hub: MemoryHub, name: string, script: Script = () => []): Promise<RawPeer> {
    const peer = new RawPeer(new MemoryNetwork(hub, name), hub.clock);
    peer.network.handle(SYNC_PROTOCOL, (stream) => void peer.#serve(stream, script).catch(() => undefined));
    await peer.network.start();
    return peer;
  }

  async #serve(stream: FrameStream, script: Script): Promise<void> {
    const number = ++this.#streams;
    for await (const frame of stream.frames) {
      const { id, request } = decodeRequest(frame);
      this.asked.push(request);
      for (const said of script(request, id, number)) {
        if (said instanceof Uint8Array) await stream.send(said);
        else if ('answer' in said) await this.#say(stream, { id, ...said });
        else await stream.send(encodeAnswer(id, said));
      }
    }
  }

  async #say(stream: FrameStream, { id, afterMs, answer }: Said & { readonly id: number }): Promise<void> {
    const send = () => stream.send(encodeAnswer(id, answer));
    if (afterMs === undefined) return send();
    this.#clock.setTimer(afterMs, () => void send().catch(() => undefined));
  }

  connect(peerId: string): Promise<string> {
    return this.network.dial(`/memory/0/p2p/${peerId}`);
  }

  async open(peerId: string): Promise<RawStream> {
    return new RawStream(await this.network.openStream(peerId, SYNC_PROTOCOL));
  }
}

export class RawStream {
  readonly stream: FrameStream;
  readonly #frames: AsyncIterator<Uint8Array>;
  #nextId = 1;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(stream: FrameStream) {
    this.stream = stream;
    this.#frames = stream.frames[Symbol.asyncIterator]();
  }

  /** The first answer after a request; of several requests at once each gets one. */
  async ask(request: Request): Promise<Answer> {
    await this.stream.send(encodeRequest(this.#nextId++, request));
    return this.next();
  }

  /** The next answer, whatever it answers. Throws when the stream is over. */
  next(): Promise<Answer> {
    const next = this.#reading.catch(() => undefined).then(() => this.#read());
    this.#reading = next;
    return next;
  }

  async #read(): Promise<Answer> {
    const { done, value } = await this.#frames.next();
    if (done) throw new Error('The stream has ended.');
    return decodeAnswer(value).answer;
  }
}
