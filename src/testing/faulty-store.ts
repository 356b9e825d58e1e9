/** A store whose next calls fail or wait when the test says so. */
import { AverError, type ErrorCode } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';

export interface FaultyStore extends Store {
  /** The next call of this kind fails with the code, before it changes anything. */
  failNext(call: 'write' | 'getMany' | 'get', code: ErrorCode): void;
  /** The next `get` answers what it found when it was asked, but only once the returned function is called. */
  holdNextGet(): () => void;
}

export function faultyStore(store: Store): FaultyStore {
  const failures = new Map<string, ErrorCode>();
  let gate: Promise<void> | undefined;
  const mayFail = (call: string): void => {
    const code = failures.get(call);
    failures.delete(call);
    if (code !== undefined) throw new AverError(code, `The test made ${call} fail.`);
  };
  return {
    ...{ range: (range) => store.range(range), flush: () => store.flush(), close: () => store.close() },
    async get(key) {
      mayFail('get');
      const wait = gate;
      gate = undefined;
      const value = await store.get(key);
      await wait;
      return value;
    },
    async getMany(keys) {
      mayFail('getMany');
      return store.getMany(keys);
    },
    async write(batch, options) {
      mayFail('write');
      return store.write(batch, options);
    },
    failNext: (call, code) => void failures.set(call, code),
    holdNextGet() {
      let open: () => void = () => undefined;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => open();
    },
  };
}
