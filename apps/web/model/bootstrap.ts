/** What the server of this page knows: addresses to dial and the space to begin with. */

export interface Bootstrap {
  readonly addresses: readonly string[];
  /** Invite to the default space. */
  readonly space?: string;
  readonly name?: string;
  readonly iceServers?: readonly { readonly urls: string | string[] }[];
}

const KEY = 'aver.bootstrap';
const TIMEOUT_MS = 4000;
const ADDRESSES_MAX = 64;

/** Asks the server; offline, or where no peer serves the page, what it said last. */
export async function loadBootstrap(
  base: string,
  storage: Pick<Storage, 'getItem' | 'setItem'>,
): Promise<Bootstrap> {
  try {
    const response = await fetch(new URL('bootstrap.json', base), {
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) return remembered(storage);
    const text = await response.text();
    const bootstrap = parseBootstrap(text);
    if (bootstrap === undefined) return remembered(storage);
    storage.setItem(KEY, text);
    return bootstrap;
  } catch {
    // No server is a normal state of an installed app.
    return remembered(storage);
  }
}

function remembered(storage: Pick<Storage, 'getItem'>): Bootstrap {
  return parseBootstrap(storage.getItem(KEY) ?? '') ?? { addresses: [] };
}

/** The answer as far as it makes sense; undefined when it is something else (a static server's page). */
export function parseBootstrap(text: string): Bootstrap | undefined {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof data !== 'object' || data === null || !('addresses' in data) || !Array.isArray(data.addresses))
    return undefined;
  const { space, name, iceServers } = data as Record<string, unknown>;
  return {
    addresses: data.addresses.filter((address) => typeof address === 'string').slice(0, ADDRESSES_MAX),
    ...(typeof space === 'string' && { space }),
    ...(typeof name === 'string' && { name }),
    ...(Array.isArray(iceServers) && { iceServers }),
  };
}
