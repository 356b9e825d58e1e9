/** A log for libp2p that says nothing: making one that might, for each stream, takes longer than what it would say. */
import type { ComponentLogger, Logger } from '@libp2p/interface';

const silence = () => undefined;
const quiet: Logger = Object.assign(silence, {
  error: silence,
  trace: silence,
  enabled: false,
  newScope: (): Logger => quiet,
});

/** What a page's storage says of logs; nothing where the browser lets nobody look there. */
export function storedDebug(): string | null {
  try {
    return globalThis.localStorage?.getItem('debug') ?? null;
  } catch {
    return null;
  }
}

/** The option that keeps libp2p quiet, unless `debug` (of the environment, or of the page's storage) asks for its log. */
export function logOption(debug: string | null | undefined): { readonly logger?: ComponentLogger } {
  return debug ? {} : { logger: { forComponent: () => quiet } };
}
