/** A network port whose owner lies on its sync streams: the engine behind it is the real one, its words are not. */
import type { FrameStream, Network } from '../../base/ports.ts';
import { buildBloom } from '../../set/bloom.ts';
import type { Cells } from '../../set/sketch.ts';
import { decodeAnswer, encodeAnswer } from '../../sync/answers.ts';
import { encodeDigest, NONCE_BYTES } from '../../sync/digest.ts';
import type { Answer, NodeView, OutlineAnswer, Request } from '../../sync/messages.ts';
import { decodeRequest, encodeRequest } from '../../sync/requests.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { wrappedNetwork } from '../wrapped-network.ts';

/** Kinds of lies; a rogue peer has some of them. */
export const LIES = [
  'roots',
  'sketch',
  'nodes',
  'filter',
  'withhold',
  'runs',
  'difference',
  'silence',
  'garbage',
  'replay',
  'flushed',
  'busy',
  'clock',
] as const;
/** Small sets never ask for outlines: an attack of its own lies about them. */
export type Lie = (typeof LIES)[number] | 'outline';

/** Part of the frames that are lies. */
const LYING = 0.3;
const REMEMBERED_MAX = 20;

export function lyingNetwork(
  network: Network,
  lies: ReadonlySet<Lie>,
  random: SeededRandom,
  onLie: (lie: Lie) => void,
): Network {
  const liar = new Liar(lies, random, onLie);
  const wrapped = wrappedNetwork(network, (stream, side) =>
    lyingStream(stream, (frame) => (side === 'opener' ? liar.ask(frame) : liar.answer(frame))),
  );
  // Nobody is bad enough for a rogue to leave it alone.
  return { ...wrapped, disconnect: async () => undefined };
}

function lyingStream(stream: FrameStream, twist: (frame: Uint8Array) => readonly Uint8Array[]): FrameStream {
  return {
    peerId: stream.peerId,
    frames: stream.frames,
    close: () => stream.close(),
    abort: (cause) => stream.abort(cause),
    async send(frame, options) {
      for (const said of twist(frame)) await stream.send(said, options);
    },
  };
}

class Liar {
  readonly #lies: ReadonlySet<Lie>;
  readonly #random: SeededRandom;
  readonly #said: Answer[] = [];
  readonly #onLie: (lie: Lie) => void;

  constructor(lies: ReadonlySet<Lie>, random: SeededRandom, onLie: (lie: Lie) => void) {
    this.#lies = lies;
    this.#random = random;
    this.#onLie = onLie;
  }

  /** What is seldom asked for is lied about each time. */
  #does(lie: Lie, part = LYING): boolean {
    const does = this.#lies.has(lie) && this.#random.number() < part;
    if (does) this.#onLie(lie);
    return does;
  }

  /** What is sent instead of a request: perhaps nothing. */
  ask(frame: Uint8Array): readonly Uint8Array[] {
    if (this.#does('silence')) return [];
    if (this.#does('garbage')) return [this.#random.bytes(1 + this.#random.integer(200))];
    const { id, request } = decodeRequest(frame);
    if (request.type === 'unknown') return [frame];
    const said = encodeRequest(id, this.#twistRequest(request));
    return this.#does('replay') ? [said, said] : [said];
  }

  #twistRequest(request: Request): Request {
    if (request.type === 'hello' && this.#does('clock')) return { ...request, clockMs: this.#clockMs() };
    if (request.type === 'roots' && this.#does('roots')) {
      return { ...request, root: this.#random.bytes(32), count: this.#random.integer(2 ** 31) };
    }
    if (request.type === 'cells' && this.#does('sketch'))
      return { ...request, cells: this.#twistCells(request.cells) };
    if (request.type === 'digest' && this.#does('filter'))
      return { ...request, packed: false, body: this.#digest() };
    if (request.type === 'digest' && this.#does('difference')) {
      return { ...request, packed: this.#random.number() < 0.5, body: this.#random.bytes(300) };
    }
    return request;
  }

  #clockMs(): number {
    return this.#random.integer(2 ** 32) * 1000;
  }

  /** What is sent instead of an answer: perhaps nothing. */
  answer(frame: Uint8Array): readonly Uint8Array[] {
    if (this.#does('silence')) return [];
    if (this.#does('garbage')) return [this.#random.bytes(1 + this.#random.integer(200))];
    const { id, answer } = decodeAnswer(frame);
    this.#said.push(answer);
    if (this.#said.length > REMEMBERED_MAX) this.#said.shift();
    if (this.#does('busy')) return [encodeAnswer(id, { type: 'busy', retryAfterMs: 60_000 })];
    if (this.#does('replay')) return [encodeAnswer(id, this.#saidBefore(answer.type) ?? answer)];
    return [encodeAnswer(id, this.#twistAnswer(answer))];
  }

  #saidBefore(type: Answer['type']): Answer | undefined {
    return this.#said.find((answer) => answer.type === type);
  }

  #twistAnswer(answer: Answer): Answer {
    const random = this.#random;
    if (answer.type === 'hello' && this.#does('clock')) return { ...answer, clockMs: this.#clockMs() };
    if (answer.type === 'ping' && this.#does('clock')) return { ...answer, clockMs: this.#clockMs() };
    if (answer.type === 'flushed' && this.#does('flushed', 1)) return { ...answer, root: random.bytes(32) };
    if (answer.type === 'roots' && this.#does('roots')) {
      return { ...answer, root: random.bytes(32), count: random.integer(2 ** 31) };
    }
    if (answer.type === 'roots' && answer.sketch !== null && this.#does('sketch')) {
      const { cells, counts } = answer.sketch;
      const sketch = {
        cells: this.#twistCells(cells),
        counts: counts.map((count) => count + random.integer(3) - 1),
      };
      return { ...answer, sketch };
    }
    if (answer.type === 'outline' && this.#does('outline', 1))
      return { ...answer, cuts: this.#twistCuts(answer.cuts) };
    if (answer.type === 'nodes' && this.#does('nodes'))
      return { ...answer, nodes: answer.nodes.map((node) => this.#twistNode(node)) };
    if (answer.type === 'runs' && this.#does('withhold')) return { ...answer, runs: [] };
    if (answer.type === 'runs' && this.#does('runs'))
      return { ...answer, runs: this.#twistRuns(answer.runs) };
    if (answer.type === 'diff' && answer.difference !== null && this.#does('difference')) {
      return { ...answer, difference: { ...answer.difference, tips: [this.#tip()] } };
    }
    if (answer.type === 'nodes' && this.#does('difference')) {
      return { ...answer, nodes: answer.nodes.map(() => ({ kind: 'leaf', tips: [this.#tip()] })) };
    }
    return answer;
  }

  #tip() {
    return { author: this.#random.bytes(32), seq: 1 + this.#random.integer(9), id: this.#random.bytes(32) };
  }

  /** A digest that can be read, of a set that there is not. */
  #digest(): Uint8Array {
    const random = this.#random;
    const clock = Array.from({ length: random.integer(20) }, () => ({
      author: random.bytes(32),
      seq: 1 + random.integer(1e6),
    }));
    const hintCount = 1 + random.integer(200);
    const ids = Array.from({ length: hintCount }, () => random.bytes(32));
    const shape = buildBloom(random.bytes(NONCE_BYTES), ids);
    const bloom = { ...shape, bits: random.bytes(shape.bits.length) };
    return encodeDigest({
      root: random.bytes(32),
      nonce: random.bytes(NONCE_BYTES),
      hintCount,
      clock,
      bloom,
    });
  }

  #twistCells({ high, low, checks, counts }: Cells): Cells {
    const twist = (words: Uint32Array) =>
      words.map((word) => (this.#random.number() < 0.3 ? this.#random.integer(2 ** 32) : word));
    return { high: twist(high), low: twist(low), checks: twist(checks), counts };
  }

  #twistNode(node: NodeView): NodeView {
    const way = this.#random.integer(3);
    if (way === 0) return { kind: 'empty' };
    if (way === 1 || node.kind !== 'inner') return { kind: 'leaf', tips: [this.#tip()] };
    return { kind: 'inner', digests: this.#random.bytes(node.digests.length) };
  }

  /** Ends that there are not, in another order, of other ranges, or fewer. */
  #twistCuts(cuts: OutlineAnswer['cuts']): OutlineAnswer['cuts'] {
    const random = this.#random;
    const way = random.integer(5);
    if (way === 0) return [];
    if (way === 1) return random.shuffle(cuts);
    if (way === 2) return cuts.filter(() => random.number() < 0.5);
    if (way === 3) return cuts.map((ends) => ends.map((end) => ({ ...end, id: random.bytes(32) })));
    return cuts.map((ends) => ends.map((end) => ({ ...end, range: end.range + random.integer(3) })));
  }

  /** Some withheld, one bit of another wrong, or in another order. */
  #twistRuns(runs: readonly Uint8Array[]): Uint8Array[] {
    const random = this.#random;
    const way = random.integer(3);
    if (way === 0) return runs.filter(() => random.number() < 0.5);
    if (way === 1) return random.shuffle(runs);
    return runs.map((run) => {
      const bytes = run.slice();
      const at = random.integer(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      return bytes;
    });
  }
}
