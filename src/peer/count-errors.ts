/** Counts what the calls of an object end with: `errors{code, where}`, `where` being the method. */
import { toAverError } from '../base/errors.ts';
import type { Metrics } from '../base/ports.ts';

/** The object as callers from outside see it; what its methods call on each other is not counted twice. */
export function countErrors<T extends object>(object: T, metrics: Metrics): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = value.apply(target, args);
        if (!(result instanceof Promise)) return result;
        return result.catch((error: unknown) => {
          countError(error, String(name), metrics);
          throw error;
        });
      };
    },
  });
}

export function countError(error: unknown, where: string, metrics: Metrics): void {
  metrics.add('errors', 1, { code: toAverError(error).code, where });
}
