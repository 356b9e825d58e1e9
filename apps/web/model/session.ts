/** The running page: the peer, its spaces, the one that is chosen, and what is open. */
import { signal } from '@preact/signals';
import type { CreateSpaceOptions, ImportReport, Peer, PeerInfo, Space } from '../../../src/peer/api.ts';
import { inviteBase, readAddress, type View, withoutInvite, withView } from './address.ts';
import type { Bootstrap } from './bootstrap.ts';
import { Notices } from './notice.ts';
import { SpaceModel } from './space-model.ts';

export type DialogName = 'join' | 'create' | 'invite';

/** What a session needs of the page; a test passes its own. */
export interface Page {
  readonly href: () => string;
  readonly replace: (href: string) => void;
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>;
}

export class Session {
  readonly peer: Peer;
  readonly profile: string;
  readonly info = signal<PeerInfo | undefined>(undefined);
  readonly spaces = signal<readonly Space[]>([]);
  readonly current = signal<SpaceModel | undefined>(undefined);
  readonly view = signal<View>('facts');
  readonly dialog = signal<DialogName | undefined>(undefined);
  /** An invite that is being opened. */
  readonly joining = signal(false);
  /** Why this page's peer has ended: only a new page goes on. */
  readonly ended = signal<unknown>(undefined);
  /** Why the invite in the address bar could not be used. */
  readonly inviteError = signal<unknown>(undefined);
  readonly notices = new Notices();
  readonly #page: Page;
  #ends: (() => void)[] = [];

  constructor(peer: Peer, page: Page) {
    this.peer = peer;
    this.#page = page;
    const { profile, view } = readAddress(page.href());
    this.profile = profile;
    this.view.value = view;
  }

  /** Opens what the address bar, the last visit or the server asks for, in this order. */
  async start(bootstrap: Bootstrap): Promise<void> {
    this.#ends = [
      this.peer.on('info', (info) => {
        this.info.value = info;
      }),
      this.peer.on('space', () => void this.#readSpaces()),
      this.peer.on('ended', (why) => {
        this.ended.value = why;
      }),
    ];
    this.info.value = await this.peer.info();
    await this.#readSpaces();
    await this.#selectFirst();
    if (await this.openFromAddress()) return;
    if (bootstrap.space !== undefined)
      await this.#openDefault(bootstrap.space).catch((error) => this.notices.error(error));
  }

  async stop(): Promise<void> {
    this.current.value?.stop();
    for (const end of this.#ends.splice(0)) end();
    await this.peer.stop();
  }

  /** Uses the invite in the address bar; false when there is none. */
  async openFromAddress(): Promise<boolean> {
    const { invite } = readAddress(this.#page.href());
    if (invite === '') return false;
    this.inviteError.value = undefined;
    try {
      await this.open(invite);
    } catch (error) {
      this.inviteError.value = error;
    }
    // An invite may carry a secret: it leaves the address bar once it was read.
    this.#page.replace(withoutInvite(this.#page.href()));
    return true;
  }

  /** Joins by a link or its text. */
  async open(invite: string): Promise<void> {
    this.joining.value = true;
    try {
      await this.#show(await this.peer.open(invite.trim()));
    } finally {
      this.joining.value = false;
    }
  }

  async create(options: CreateSpaceOptions): Promise<void> {
    await this.#show(await this.peer.create(options));
  }

  async import(file: AsyncIterable<Uint8Array>): Promise<ImportReport> {
    const report = await this.peer.import(file);
    await this.#show(await this.peer.open(report.space));
    return report;
  }

  async select(id: string): Promise<void> {
    const space = this.spaces.value.find((known) => known.id === id);
    if (space === undefined || this.current.value?.space.id === id) return;
    this.current.value?.stop();
    const model = new SpaceModel(this.peer, space);
    this.current.value = model;
    this.#page.storage.setItem(this.#lastKey, id);
    await model.start();
  }

  showView(view: View): void {
    this.view.value = view;
    this.#page.replace(withView(this.#page.href(), view));
  }

  /** Shows how the peer's set differs from ours. */
  compare(peerId: string): void {
    this.showView('trie');
    const trie = this.current.value?.trie;
    void trie?.choose(peerId).then(() => trie.openDifferences());
  }

  inviteBase(): string {
    return inviteBase(this.#page.href());
  }

  /** Joins the server's own space; shows it when it is new here, as after the server's data was replaced. */
  async #openDefault(invite: string): Promise<void> {
    const known = new Set(this.spaces.value.map((space) => space.id));
    this.joining.value = known.size === 0;
    try {
      const space = await this.peer.open(invite);
      if (!known.has(space.id)) await this.#show(space);
    } finally {
      this.joining.value = false;
    }
  }

  get #lastKey(): string {
    return `aver.space.${this.profile}`;
  }

  async #show(space: Space): Promise<void> {
    await this.#readSpaces();
    await this.select(space.id);
    this.dialog.value = undefined;
  }

  async #readSpaces(): Promise<void> {
    this.spaces.value = await this.peer.spaces();
  }

  async #selectFirst(): Promise<void> {
    const spaces = this.spaces.value;
    const last = this.#page.storage.getItem(this.#lastKey);
    const space = spaces.find((known) => known.id === last) ?? spaces[0];
    if (space !== undefined) await this.select(space.id);
  }
}
