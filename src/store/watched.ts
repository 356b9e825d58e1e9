/** A Store whose failures are counted by code, and that remembers whether the last write failed. */
import { type AverError, toAverError } from '../base/errors.ts';
import type { Metrics, Store } from '../base/ports.ts';

export interface WatchedStore extends Store {
  /** What writing fails with now; undefined again as soon as a write succeeds. */
  readonly failure: AverError | undefined;
  /** Called when `failure` comes or goes. */
  onChange: () => void;
}

export function watchedStore(store: Store, metrics: Metrics): WatchedStore {
  let failure: AverError | undefined;
  const note = (now: AverError | undefined): void => {
    const isNews = now?.code !== failure?.code;
    failure = now;
    if (isNews) watched.onChange();
  };
  const counted = (error: unknown): AverError => {
    const why = toAverError(error);
    // Who writes to a store that was closed has stopped; the disk has not failed.
    if (why.code !== 'CLOSED') metrics.add('errors', 1, { code: why.code, where: 'store' });
    return why;
  };
  const read = <T>(reading: Promise<T>): Promise<T> =>
    reading.catch((error: unknown) => {
      throw counted(error);
    });
  const wrote = (writing: Promise<void>): Promise<void> =>
    writing.then(
      () => note(undefined),
      (error: unknown) => {
        const why = counted(error);
        if (why.code !== 'CLOSED') note(why);
        throw why;
      },
    );
  const watched: WatchedStore = {
    get failure() {
      return failure;
    },
    onChange: () => undefined,
    get: (key) => read(store.get(key)),
    getMany: (keys) => read(store.getMany(keys)),
    range: (range) => store.range(range),
    write: (batch, options) => wrote(store.write(batch, options)),
    flush: () => wrote(store.flush()),
    close: () => store.close(),
  };
  return watched;
}
