/** The address bar: `?profile=NAME` names the peer, `?view=…` what is open, `#…` carries an invite. */

export const VIEWS = ['facts', 'peers', 'trie', 'status'] as const;
export type View = (typeof VIEWS)[number];

export interface PageAddress {
  readonly profile: string;
  readonly view: View;
  /** The fragment without `#`; empty when there is none. */
  readonly invite: string;
}

/** Names a database and a lock, hence few characters and not many of them. */
const PROFILE = /^[\w.-]{1,64}$/;

export function readAddress(href: string): PageAddress {
  const url = new URL(href);
  const profile = url.searchParams.get('profile') ?? '';
  const view = VIEWS.find((known) => known === url.searchParams.get('view'));
  return {
    profile: PROFILE.test(profile) ? profile : 'default',
    view: view ?? 'facts',
    invite: url.hash.slice(1),
  };
}

export function withView(href: string, view: View): string {
  const url = new URL(href);
  if (view === 'facts') url.searchParams.delete('view');
  else url.searchParams.set('view', view);
  return url.href;
}

/** The address without its fragment: an invite that was used does not stay in view or in history. */
export function withoutInvite(href: string): string {
  const url = new URL(href);
  url.hash = '';
  return url.href.replace(/#$/, '');
}

/** What comes before the `#` of invite links: this page, without what is ours alone. */
export function inviteBase(href: string): string {
  const url = new URL(href);
  return `${url.origin}${url.pathname}`;
}

/** True for hosts that only this machine or this network can reach. */
export function isLocalHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.local')) return true;
  if (host === '::1' || /^f[cd][0-9a-f]{2}:/i.test(host) || /^fe80:/i.test(host)) return true;
  return /^(127|10)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\./.test(host);
}

/** True for hosts that mean the machine one sits at, so that a link with them helps nobody else. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127\..*|\[?::1\]?)$/.test(hostname) || hostname.endsWith('.localhost');
}
