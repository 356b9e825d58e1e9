/**
 * What is remembered of peers across their connections: standing, faults, and what they owe in pulls. By
 * the id that the connection proved, never by what a message names.
 */
import { Allowance, allowances } from '../base/allowance.ts';
import { Faults } from '../base/faults.ts';
import { type ClassLimits, classLimits, limits, type TrustClass } from '../base/limits.ts';
import type { Clock, Metrics } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import { PullAccount } from './pull-account.ts';
import { Standing } from './standing.ts';
import { classOf } from './trust-class.ts';

/** How far a peer is trusted, 0 to 1. */
export type TrustOf = (peerId: string) => number;

export interface AccountsOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly trustOf: TrustOf;
}

export class PeerAccount {
  readonly peerId: string;
  readonly standing = new Standing();
  readonly faults = new Faults();
  readonly pulls = new PullAccount();
  readonly streamsBeyond: Allowance;
  /** Chunk that the peer gets while nobody else waits: grows with each that it takes in soon, beyond its class's. */
  chunkBytes = 0;
  readonly #options: AccountsOptions;

  constructor(peerId: string, options: AccountsOptions) {
    this.peerId = peerId;
    this.#options = options;
    this.streamsBeyond = new Allowance(allowances.streamsBeyond, options.clock.nowMs());
  }

  get class(): TrustClass {
    const { clock, trustOf } = this.#options;
    return classOf(trustOf(this.peerId), this.standing.value(clock.nowMs()));
  }

  get bounds(): ClassLimits {
    return classLimits[this.class];
  }
}

export class PeerAccounts {
  readonly #options: AccountsOptions;
  readonly #accounts = recentlyUsed<string, PeerAccount>(limits.accountsMax);
  /** Peers whose debt is shown, so that it is no longer shown when it is paid. */
  #shown = new Set<string>();

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  of(peerId: string): PeerAccount {
    const known = this.#accounts.get(peerId);
    if (known !== undefined) return known;
    const account = new PeerAccount(peerId, this.#options);
    this.#accounts.set(peerId, account);
    return account;
  }

  /** Shows what connected peers owe (ICG-29). Those that owe nothing have no series. */
  report(peerIds: Iterable<string>): void {
    const { clock, metrics } = this.#options;
    const nowMs = clock.nowMs();
    const shown = new Set<string>();
    for (const peer of peerIds) {
      const { deficitBytes } = this.of(peer).pulls.state(nowMs);
      if (deficitBytes >= 0) continue;
      shown.add(peer);
      metrics.set('peer_deficit_bytes', deficitBytes, { peer });
    }
    for (const peer of this.#shown) if (!shown.has(peer)) metrics.unset('peer_deficit_bytes', { peer });
    this.#shown = shown;
  }
}
