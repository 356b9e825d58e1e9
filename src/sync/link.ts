/** What this peer knows of one other peer: the stream to it, the spaces it proved to share, its clock, its faults. */
import { detectClockSkew } from '../assertion/hlc.ts';
import { bytesToHex } from '../base/bytes.ts';
import { AverError, type ErrorCode, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Network, Ports } from '../base/ports.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import { Channel } from './channel.ts';
import type { HelloAnswer, HelloRequest, PeerLimits } from './messages.ts';
import type { PeerAccount } from './peer-accounts.ts';
import { OWN_LIMITS } from './requests.ts';
import { helloProof, isHelloProof } from './seal.ts';
import { severityOf } from './standing.ts';

export interface LinkOptions {
  readonly network: Network;
  readonly ports: Ports;
  readonly peerId: string;
  readonly timeoutMs: number;
  /** What is remembered of the peer beyond this connection. */
  readonly account: PeerAccount;
}

/** Whole milliseconds since 1970, as they travel: a clock may tell fractions, or be set before. */
export function toWireMs(ms: number): number {
  return Math.max(0, Math.round(ms));
}

export class Link {
  readonly peerId: string;
  readonly account: PeerAccount;
  readonly channel: Channel;
  readonly #options: LinkOptions;
  /** Tags in hex of the spaces that this peer has proved on this connection to be in: it may ask. */
  readonly #proved = new Set<string>();
  /** Tags in hex of the spaces for which it knows our proof: it answers. */
  readonly #greeted = new Set<string>();
  #clockOffsetMs: number | undefined;
  #closed = false;
  #limits: PeerLimits = OWN_LIMITS;

  constructor(options: LinkOptions) {
    const { network, ports, peerId, timeoutMs } = options;
    this.#options = options;
    this.peerId = peerId;
    this.account = options.account;
    const onFault = (code: ErrorCode, message: string) => this.fault(code, message);
    const { clock, metrics } = ports;
    this.channel = new Channel({ network, peerId, clock, metrics, timeoutMs, onFault });
  }

  /** What the peer accepts, by its own word. */
  get limits(): PeerLimits {
    return this.#limits;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Their clock minus ours, in ms; undefined until they told. */
  get clockOffsetMs(): number | undefined {
    return this.#clockOffsetMs;
  }

  /** Whether the peer has proved to be in the space, so that its requests are answered. */
  hasProved(space: SpaceIdentity): boolean {
    return this.#proved.has(bytesToHex(space.tag));
  }

  /** Whether both sides have proved it to each other, as far as we know. */
  shares(space: SpaceIdentity): boolean {
    return this.hasProved(space) && this.#greeted.has(bytesToHex(space.tag));
  }

  #met(space: SpaceIdentity): void {
    this.#proved.add(bytesToHex(space.tag));
    this.#greeted.add(bytesToHex(space.tag));
  }

  /** The peer denies us: it does not know our proof, or not any more. Its own still holds. */
  denied(space: SpaceIdentity): void {
    this.#greeted.delete(bytesToHex(space.tag));
  }

  /** The space was left here. */
  unshare(space: SpaceIdentity): void {
    this.#proved.delete(bytesToHex(space.tag));
    this.#greeted.delete(bytesToHex(space.tag));
  }

  /** Proves to each other that both belong to the space. Throws `DENIED`, or what `ask` throws. */
  async hello(space: SpaceIdentity, options: AbortOptions = {}): Promise<void> {
    if (this.shares(space)) return;
    const { network, ports } = this.#options;
    const sentMs = ports.clock.nowMs();
    const request: HelloRequest = {
      type: 'hello',
      tag: space.tag,
      proof: helloProof(space, network.peerId, this.peerId),
      clockMs: toWireMs(sentMs),
      limits: OWN_LIMITS,
    };
    const answer = await this.channel.ask(request, options);
    if (answer.type === 'stale') throw new AverError('BAD_ENCODING', 'A hello cannot be stale.');
    if (!isHelloProof(space, this.peerId, network.peerId, answer.proof)) {
      this.fault('DENIED', 'The peer does not have the secret of the space.');
      throw new AverError('DENIED', 'The peer does not have the secret of the space.');
    }
    this.#met(space);
    this.#obey(answer.limits);
    this.noteClock(answer.clockMs, sentMs);
  }

  /**
   * Does something with a peer that shares the space. A peer that proved it to us may not know our
   * own hello: its answer is still under way on another stream, or it restarted its side. Then it
   * denies us, and is greeted once more before anybody hears of it.
   */
  async greeted<T>(space: SpaceIdentity, options: AbortOptions, action: () => Promise<T>): Promise<T> {
    const wasShared = this.shares(space);
    await this.hello(space, options);
    try {
      return await action();
    } catch (error) {
      if (!wasShared || !isAverError(error, 'DENIED')) throw error;
      this.denied(space);
      await this.hello(space, options);
      return await action();
    }
  }

  /** The other side's hello. Undefined when its proof is wrong. */
  welcome(space: SpaceIdentity, request: HelloRequest): HelloAnswer | undefined {
    const { network, ports } = this.#options;
    if (!isHelloProof(space, this.peerId, network.peerId, request.proof)) return undefined;
    this.#met(space);
    this.#obey(request.limits);
    this.noteClock(request.clockMs, ports.clock.nowMs());
    return {
      type: 'hello',
      proof: helloProof(space, network.peerId, this.peerId),
      clockMs: toWireMs(ports.clock.nowMs()),
      limits: OWN_LIMITS,
    };
  }

  #obey(peer: PeerLimits): void {
    this.#limits = peer;
    this.channel.limitRequests(peer.requestsOpen);
  }

  async ping(): Promise<void> {
    const sentMs = this.#options.ports.clock.nowMs();
    const answer = await this.channel.ask({ type: 'ping', tag: null, clockMs: toWireMs(sentMs) });
    if (answer.type === 'ping') this.noteClock(answer.clockMs, sentMs);
  }

  /** A reading of the peer's clock, taken about halfway between `sentMs` and now. */
  noteClock(clockMs: number, sentMs: number): void {
    const { clock, metrics, log } = this.#options.ports;
    const localMs = (sentMs + clock.nowMs()) / 2;
    const known = this.#clockOffsetMs;
    this.#clockOffsetMs = clockMs - localMs;
    const skewMs = detectClockSkew(localMs, clockMs);
    if (skewMs === 0 || (known !== undefined && Math.abs(known) > limits.clockSkewWarnMs)) return;
    metrics.add('clock_skew_events');
    log.write('warn', 'a peer’s clock differs from this one', { peerId: this.peerId, skewMs });
  }

  /** The peer asked for more than it is served: it falls to stricter limits, but is not banned for it. */
  overload(): void {
    this.account.standing.loseForLoad(this.#options.ports.clock.nowMs());
  }

  /** Counts what no honest peer does: it costs standing, and with all of it or after a handful comes the ban. */
  fault(code: ErrorCode, message: string, count = 1): void {
    if (this.#closed) return;
    const { clock, metrics, log } = this.#options.ports;
    const now = clock.nowMs();
    metrics.add('sync_faults', 1, { code });
    log.write('warn', 'a peer misbehaves', { peerId: this.peerId, code, message });
    const { standing, faults } = this.account;
    standing.lose(count * severityOf(code), now);
    if (!faults.add(now, count) && standing.value(now) > 0) return;
    metrics.add('peers_banned');
    this.close();
    this.#options.network.disconnect(this.peerId, { banMs: limits.banMs }).catch(() => undefined);
  }

  close(): void {
    this.#closed = true;
    this.channel.close();
  }
}
