/** Who comes into the club: the founder makes invites, and the invited open them, whatever state they are in. */
import { toAverError } from '../../base/errors.ts';
import type { Action } from './plan.ts';
import type { SimPeer, World } from './sim-peer.ts';

type Inviting = Extract<Action, { do: 'invite' }>;

/** Whoever is down, or cannot write to its disk, is tried again after this long. */
const AGAIN_MS = 1000;

export class Invitations {
  readonly #world: World;
  readonly #peers: readonly SimPeer[];
  /** Of each peer those that it has, the latest last. */
  readonly #given = new Map<SimPeer, string[]>();
  /** Who is to be in when everything has healed. */
  readonly members: ReadonlySet<SimPeer>;
  /** Peers that were let in to write. */
  readonly #writers = new Set<SimPeer>();

  constructor(world: World, peers: readonly SimPeer[], plan: readonly Action[]) {
    this.#world = world;
    this.#peers = peers;
    const invited = plan.filter((action) => action.do === 'invite').map(({ peer }) => peer);
    const isMember = ({ name }: SimPeer, i: number) => name === world.club?.founder || invited.includes(i);
    this.members = new Set(world.club === undefined ? [] : peers.filter(isMember));
  }

  /** Whether the peer opened an invite that lets it write, or founded the club. */
  isWriter(peer: SimPeer): boolean {
    return this.#writers.has(peer) || peer.name === this.#world.club?.founder;
  }

  async invite(action: Inviting): Promise<void> {
    const { club, time, trace } = this.#world;
    const founder = this.#peers.find(({ name }) => name === club?.founder);
    const peer = this.#peers[action.peer];
    if (founder === undefined || peer === undefined) return;
    const made = await founder.club?.invite({ readOnly: action.readOnly }).catch(() => undefined);
    if (made === undefined) return void time.setTimer(AGAIN_MS, () => void this.invite(action));
    trace.say(`${founder.name} invites ${peer.name} to ${action.readOnly ? 'read' : 'write'}`);
    this.#given.set(peer, [...(this.#given.get(peer) ?? []), made.text]);
    time.setTimer(action.afterMs, () => void this.#open(peer, made.text, made.grants.write));
  }

  async #open(peer: SimPeer, invite: string, mayWrite: boolean): Promise<void> {
    const { time, trace } = this.#world;
    const isOpen = await this.#tryOpen(peer, invite);
    if (!isOpen) return void time.setTimer(AGAIN_MS, () => void this.#open(peer, invite, mayWrite));
    if (mayWrite) this.#writers.add(peer);
    trace.count('a peer opened an invite');
    trace.say(`${peer.name} opened an invite to ${mayWrite ? 'write' : 'read'}`);
  }

  async #tryOpen(peer: SimPeer, invite: string): Promise<boolean> {
    try {
      return await peer.join(invite);
    } catch (error) {
      const { code } = toAverError(error);
      if (!code.startsWith('STORE_') && code !== 'CLOSED')
        this.#world.oracle.fail('no unexpected error', `${peer.name} cannot open an invite: ${code}`);
      return false;
    }
  }

  /** From now on whoever was invited and is not in, perhaps because its disk went back in time, opens what it has. */
  heal(): void {
    for (const [peer, invites] of this.#given) {
      if (peer.isUp && peer.club === undefined) void this.#tryOpen(peer, invites.at(-1) as string);
    }
    this.#world.time.setTimer(AGAIN_MS, () => this.heal());
  }
}
