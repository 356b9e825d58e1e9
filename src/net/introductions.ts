/**
 * Introductions: peers learn of each other from a peer that they have in common.
 *
 * A host (every Node peer) answers each stream of `/aver/peers/1.0.0` with frames of canonical CBOR,
 * one now and one after each change: `[[peerId, viaMe, [address, …]], …]`, the connected peers that
 * share a topic with the guest. `viaMe` says that the peer holds a relay reservation here, so that the
 * guest reaches it by WebRTC through its own connection to the host. The guest never writes.
 */

import { bytesToHex, equalBytes, utf8 } from '../base/bytes.ts';
import { encodeValue } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { blake3 } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock, FrameStream } from '../base/ports.ts';

export const INTRODUCTIONS_PROTOCOL = '/aver/peers/1.0.0';

export interface Introduction {
  readonly peerId: string;
  readonly viaHost: boolean;
  readonly addresses: readonly string[];
}

export function encodeIntroductions(introductions: readonly Introduction[]): Uint8Array {
  return encodeValue(introductions.map(({ peerId, viaHost, addresses }) => [peerId, viaHost, addresses]));
}

/** Throws `BAD_ENCODING`. */
export function decodeIntroductions(frame: Uint8Array): Introduction[] {
  const reader = new CborReader(frame);
  const introductions = readList(reader, limits.introducedPeersMax, () => {
    reader.array(3, 3);
    return {
      peerId: reader.text(limits.addressBytesMax),
      viaHost: reader.bool(),
      addresses: readList(reader, limits.addressesPerPeerMax, () => reader.text(limits.addressBytesMax)),
    };
  });
  reader.end();
  return introductions;
}

function readList<T>(reader: CborReader, max: number, read: () => T): T[] {
  return Array.from({ length: reader.array(max) }, read);
}

/** Whether others will read it: somebody may tell us addresses of any length. */
function isReadable(address: string): boolean {
  return utf8(address).length <= limits.addressBytesMax;
}

function badIntroductions(): AverError {
  return new AverError('BAD_ENCODING', 'What a peer said on the stream of introductions is malformed.');
}

/**
 * A place for a pair of peers that is the same from both ends. Where not everybody can know
 * everybody, each takes the pairs of lowest rank: an even random graph, without any coordination.
 */
export function pairRank(a: string, b: string): string {
  return bytesToHex(blake3(utf8(a < b ? `${a} ${b}` : `${b} ${a}`)).subarray(0, 8));
}

export interface HostOptions {
  readonly clock: Clock;
  /** Connected peers. */
  readonly peerIds: () => readonly string[];
  readonly topics: (peerId: string) => ReadonlySet<string>;
  readonly hasReservation: (peerId: string) => boolean;
  /** Addresses at which the peer says that it can be dialled. */
  readonly addresses: (peerId: string) => Promise<readonly string[]>;
  /** The stream of a guest ended in another way than guests end it. */
  readonly onFailure: (peerId: string, cause: unknown) => void;
}

/** What one round says of a peer. */
type Round = (peerId: string) => Promise<Introduction>;

interface Guest {
  readonly stream: FrameStream;
  sent: Uint8Array | undefined;
  sending: boolean;
}

export class IntroductionsHost {
  readonly #options: HostOptions;
  readonly #guests = new Map<string, Guest>();
  #cancel: (() => void) | undefined;
  /** When the last round began. */
  #roundMs = Number.NEGATIVE_INFINITY;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  onStream(stream: FrameStream): void {
    this.#guests.get(stream.peerId)?.stream.abort(new Error('The guest opened another stream.'));
    this.#guests.set(stream.peerId, { stream, sent: undefined, sending: false });
    void this.#watch(stream);
    this.onChange();
  }

  /** Somebody came, left, reserved or follows other topics. Changes come in bursts, so it waits a little. */
  onChange(): void {
    if (this.#guests.size === 0 || this.#cancel !== undefined) return;
    const { clock } = this.#options;
    const sinceMs = Math.abs(clock.nowMs() - this.#roundMs);
    const delayMs = Math.max(limits.introduceDelayMs, limits.introduceEveryMs - sinceMs);
    this.#cancel = clock.setTimer(delayMs, () => {
      this.#cancel = undefined;
      this.#roundMs = clock.nowMs();
      const round = this.#newRound();
      for (const peerId of this.#guests.keys()) void this.#introduce(peerId, round);
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#guests.clear();
  }

  /** Guests do not write; the end of the stream, or its break, is the end of the guest. */
  async #watch(stream: FrameStream): Promise<void> {
    try {
      for await (const _ of stream.frames) throw badIntroductions();
      await stream.close();
    } catch (cause) {
      this.#options.onFailure(stream.peerId, cause);
      stream.abort(cause as Error);
    }
    if (this.#guests.get(stream.peerId)?.stream === stream) this.#guests.delete(stream.peerId);
  }

  /** What is said of a peer is the same for all guests of one round: it is looked up once. */
  #newRound(): Round {
    const { hasReservation, addresses } = this.#options;
    const known = new Map<string, Promise<Introduction>>();
    return (peerId) => {
      const introduction =
        known.get(peerId) ??
        addresses(peerId).then((all) => ({
          peerId,
          viaHost: hasReservation(peerId),
          addresses: all.filter(isReadable).slice(0, limits.addressesPerPeerMax),
        }));
      known.set(peerId, introduction);
      return introduction;
    };
  }

  async #introduce(peerId: string, round: Round): Promise<void> {
    const guest = this.#guests.get(peerId);
    if (guest === undefined) return;
    if (guest.sending) return this.onChange();
    guest.sending = true;
    try {
      const frame = encodeIntroductions(await this.#listFor(peerId, round));
      if (guest.sent !== undefined && equalBytes(frame, guest.sent)) return;
      guest.sent = frame;
      await guest.stream.send(frame);
    } catch {
      // The stream is gone; `#watch` forgets the guest.
    } finally {
      guest.sending = false;
    }
  }

  async #listFor(guest: string, round: Round): Promise<Introduction[]> {
    const { peerIds, topics } = this.#options;
    const followed = topics(guest);
    const shared = peerIds().filter((peerId) => peerId !== guest && !followed.isDisjointFrom(topics(peerId)));
    const introductions = await Promise.all(lowestRanks(guest, shared).map(round));
    return introductions.filter(({ viaHost, addresses }) => viaHost || addresses.length > 0);
  }
}

/** In an order that only depends on who they are. */
function lowestRanks(guest: string, peerIds: readonly string[]): readonly string[] {
  if (peerIds.length <= limits.introducedPeersMax) return peerIds.toSorted();
  const ranks = new Map(peerIds.map((peerId) => [pairRank(guest, peerId), peerId]));
  return [...ranks.keys()]
    .sort()
    .slice(0, limits.introducedPeersMax)
    .map((rank) => ranks.get(rank) as string);
}
