/**
 * A peer for a tab: the peer itself in one tab of a profile, and in the others one that sees the
 * same store live and writes through it. Which it is may change at any time; callers do not notice
 * but for `info().role`. A write whose answer was lost in a change of tabs is said again, so it may
 * come to be stored twice, never not at all.
 */

import { Emitter } from '../../base/emitter.ts';
import { AverError, isAverError, toAverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type {
  AbortOptions,
  CreateSpaceOptions,
  ImportReport,
  Peer,
  PeerEvents,
  PeerInfo,
  Space,
  SpaceEvents,
} from '../api.ts';
import { dispatchCall, dispatchIteration, type SpaceName, type Target } from './dispatch.ts';
import { Election } from './election.ts';
import { isTabMessage, plainError, revivedError, type TabMessage } from './messages.ts';
import { LeaderGone, TabClient } from './tab-client.ts';
import { TabHost } from './tab-host.ts';
import { type TabLink, TabSpace } from './tab-space.ts';

const PEER_EVENTS = ['peers', 'info', 'space'] as const;
const SPACE_EVENTS = ['facts', 'erased', 'status', 'refused'] as const;

/** `onEnd` is to be called when the store ends under the peer. */
type StartPeer = (onEnd: (why: AverError) => void) => Promise<Peer>;

interface Leadership {
  readonly peer: Peer;
  readonly host: TabHost;
  /** Aborts when another tab becomes the peer. */
  readonly lost: AbortSignal;
}

export class TabPeer implements Peer, TabLink {
  readonly #startPeer: StartPeer;
  readonly #channel: BroadcastChannel;
  readonly #client: TabClient;
  readonly #election: Election;
  readonly #events = new Emitter<PeerEvents>();
  readonly #spaces = new Map<string, TabSpace>();
  readonly #id = crypto.randomUUID();
  /** Waits for a peer: in this tab, or in another one that answered. */
  #ready = Promise.withResolvers<void>();
  #leadership: Leadership | undefined;
  /** Why this tab could not become the peer; until another one is. */
  #failure: AverError | undefined;
  /** The store ended, so that no tab that used it goes on: its sets in memory are of a chain that is gone. */
  #ended: AverError | undefined;
  #stopped = false;
  /** Whether another tab was ever heard. Copying each fact for nobody would cost a lone tab a tenth of a write. */
  #hasOthers = false;
  #released = Promise.resolve();

  constructor(profile: string, startPeer: StartPeer) {
    this.#startPeer = startPeer;
    this.#channel = new BroadcastChannel(`aver-tabs:${profile}`);
    const post = (message: TabMessage): void => this.#channel.postMessage(message);
    this.#client = new TabClient(this.#id, post);
    this.#channel.onmessage = ({ data }) => {
      if (isTabMessage(data)) this.#receive(data);
    };
    this.#election = new Election(profile, {
      lead: (signal) => (this.#released = this.#lead(signal)),
      ping: () => post({ type: 'ping', from: this.#id }),
    });
    // Held while this tab lives, so that the peer tab can tell when it is gone.
    void navigator.locks.request(
      `aver-tab:${this.#id}`,
      () => new Promise<void>((resolve) => this.#whenStopped.push(resolve)),
    );
    this.#election.start();
    post({ type: 'ping', from: this.#id });
  }

  readonly #whenStopped: (() => void)[] = [];

  #receive(message: TabMessage): void {
    this.#hasOthers = true;
    if (this.#ended !== undefined) return;
    if (message.type === 'ended') this.#end(revivedError(message.error));
    else if (message.type === 'leader') this.#follow(message.id);
    else if (message.type === 'event') this.#emit(message.space, message.event, message.args);
    else if (message.type === 'ping') {
      if (this.#leadership !== undefined)
        this.#channel.postMessage({ type: 'leader', id: this.#id } satisfies TabMessage);
    } else if (message.type === 'result') this.#client.receive(message);
    else if (message.to === undefined || message.to === this.#id) this.#leadership?.host.receive(message);
  }

  #follow(leader: string): void {
    this.#election.answered();
    if (this.#client.leader === leader) return;
    this.#client.leader = leader;
    this.#failure = undefined;
    this.#client.leaderGone();
    this.#ready.resolve();
    this.#infoChanged();
    // So that the new one knows that somebody follows.
    this.#channel.postMessage({ type: 'ping', from: this.#id } satisfies TabMessage);
  }

  #infoChanged(): void {
    void this.info().then(
      (info) => this.#events.emit('info', info),
      () => undefined, // Stopped, or the peer moves on again: the next one tells.
    );
  }

  async #lead(signal: AbortSignal): Promise<void> {
    let peer: Peer;
    try {
      peer = await this.#startPeer((why) => {
        this.#channel.postMessage({ type: 'ended', error: plainError(why) } satisfies TabMessage);
        this.#end(why);
      });
    } catch (error) {
      // Shown to whoever asks; the other tabs may have better luck.
      this.#failure = toAverError(error);
      this.#ready.resolve();
      await aborted(signal);
      return;
    }
    const host = new TabHost(peer, (message) => this.#channel.postMessage(message));
    const off = await this.#relayEvents(peer);
    // Said in the same turn, so that nobody asks this tab to go on with what another one began.
    this.#leadership = { peer, host, lost: signal };
    this.#client.leader = this.#id;
    this.#failure = undefined;
    this.#channel.postMessage({ type: 'leader', id: this.#id } satisfies TabMessage);
    this.#client.leaderGone();
    this.#ready.resolve();
    this.#infoChanged();
    await aborted(signal);
    this.#leadership = undefined;
    this.#client.leader = undefined;
    if (!this.#stopped && this.#ended === undefined) this.#ready = Promise.withResolvers();
    for (const stop of off) stop();
    host.close();
    await peer.stop().catch(() => undefined); // Fenced off: what it had was stored, or was not acknowledged.
  }

  #end(why: AverError): void {
    if (this.#ended !== undefined || this.#stopped) return;
    this.#ended = why;
    this.#election.stop();
    this.#ready.resolve();
    this.#client.leaderGone();
    this.#events.emit('ended', why);
  }

  async #relayEvents(peer: Peer): Promise<(() => void)[]> {
    const relay = (space: string | undefined, event: string, args: readonly unknown[]): void => {
      if (this.#hasOthers)
        this.#channel.postMessage({ type: 'event', space, event, args } satisfies TabMessage);
      this.#emit(space, event, args);
    };
    const off = PEER_EVENTS.map((event) =>
      peer.on(event, (...args: unknown[]) => relay(undefined, event, args)),
    );
    const relaySpace = (space: Space): void => {
      for (const event of SPACE_EVENTS)
        off.push(space.on(event, (...args: unknown[]) => relay(space.id, event, args)));
    };
    for (const space of await peer.spaces()) relaySpace(space);
    off.push(peer.on('space', (id) => void peer.open(id).then(relaySpace)));
    return off;
  }

  #emit(space: string | undefined, event: string, args: readonly unknown[]): void {
    if (event === 'info') this.#events.emit('info', this.#withRole(args[0] as PeerInfo));
    else if (space === undefined) this.#events.emit(event as 'space', ...(args as [string]));
    else this.#spaces.get(space)?.events.emit(event as keyof SpaceEvents, ...(args as [never]));
  }

  async #whenReady(): Promise<void> {
    if (this.#stopped) throw new AverError('CLOSED', 'The peer was stopped.');
    await this.#ready.promise;
    if (this.#stopped) throw new AverError('CLOSED', 'The peer was stopped.');
    const why = this.#ended ?? this.#failure;
    if (why !== undefined) throw why;
  }

  /** Bounded by the tabs that a person can close: each try ends with another tab as the peer. */
  async call(target: Target, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
    for (;;) {
      await this.#whenReady();
      const own = this.#leadership;
      try {
        return await (own === undefined
          ? this.#client.call(target, signal)
          : dispatchCall(own.peer, target, signal));
      } catch (error) {
        if (!(await isMoved(error, own?.lost))) throw error;
      }
    }
  }

  async *iterate(target: Target, signal: AbortSignal = new AbortController().signal): AsyncIterable<unknown> {
    for (;;) {
      await this.#whenReady();
      const own = this.#leadership;
      let told = 0;
      try {
        const items =
          own === undefined
            ? this.#client.iterate(target, signal)
            : await dispatchIteration(own.peer, target, AbortSignal.any([signal, own.lost]));
        for await (const item of items) {
          told++;
          yield item;
        }
        if (own?.lost.aborted !== true || signal.aborted) return;
      } catch (error) {
        if (!(await isMoved(error, own?.lost))) throw error;
      }
      // A watch starts again with a snapshot; other readings cannot go on in the middle.
      if (told > 0 && target.method !== 'watch')
        throw new AverError('BUSY', 'The peer moved to another tab meanwhile.');
    }
  }

  #space(name: SpaceName): TabSpace {
    const space = this.#spaces.get(name.id) ?? new TabSpace(name, this);
    this.#spaces.set(name.id, space);
    return space;
  }

  #peerCall<T>(method: string, args: readonly unknown[] = [], signal?: AbortSignal): Promise<T> {
    return this.call({ space: undefined, method, args }, signal) as Promise<T>;
  }

  async info(options: AbortOptions = {}): Promise<PeerInfo> {
    return this.#withRole(await this.#peerCall<PeerInfo>('info', [], options.signal));
  }

  /** What the peer says of itself, as this tab may say it. */
  #withRole(info: PeerInfo): PeerInfo {
    return { ...info, role: this.#leadership === undefined ? 'follower' : 'peer' };
  }

  peers(options: AbortOptions = {}): ReturnType<Peer['peers']> {
    return this.#peerCall('peers', [], options.signal);
  }

  metrics(options: AbortOptions = {}): ReturnType<Peer['metrics']> {
    return this.#peerCall('metrics', [], options.signal);
  }

  async create({ signal, ...options }: CreateSpaceOptions): Promise<Space> {
    return this.#space(await this.#peerCall<SpaceName>('create', [options], signal));
  }

  async open(inviteOrId: string, options: AbortOptions = {}): Promise<Space> {
    return this.#space(await this.#peerCall<SpaceName>('open', [inviteOrId], options.signal));
  }

  async spaces(options: AbortOptions = {}): Promise<readonly Space[]> {
    return (await this.#peerCall<readonly SpaceName[]>('spaces', [], options.signal)).map((name) =>
      this.#space(name),
    );
  }

  async import(
    file: AsyncIterable<Uint8Array>,
    options: AbortOptions = {},
  ): Promise<{ readonly space: string } & ImportReport> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of file) chunks.push(chunk.slice());
    return this.#peerCall('import', [new Blob(chunks)], options.signal);
  }

  connect(address: string, options: AbortOptions = {}): Promise<string> {
    return this.#peerCall('connect', [address], options.signal);
  }

  on<K extends keyof PeerEvents>(event: K, listener: PeerEvents[K]): () => void {
    return this.#events.on(event, listener);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#election.stop();
    this.#ready.resolve();
    this.#client.leaderGone();
    await this.#released;
    for (const release of this.#whenStopped) release();
    this.#channel.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Whether a call failed because another tab is the peer by now: the store may tell before the lock does. */
async function isMoved(error: unknown, lost: AbortSignal | undefined): Promise<boolean> {
  if (error instanceof LeaderGone) return true;
  if (lost === undefined) return false;
  if (isAverError(error, 'STORE_FENCED') || isAverError(error, 'STORE_FAILED'))
    await Promise.race([aborted(lost), new Promise((resolve) => setTimeout(resolve, limits.tabHeartbeatMs))]);
  return lost.aborted;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
