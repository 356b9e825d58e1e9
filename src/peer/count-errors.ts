/** Counts what the calls of an object end with: `errors{code, where}`, `where` being the method. */
import { toAverError } from '../base/errors.ts';
import type { Metrics } from '../base/ports.ts';

/** The object as callers from outside see it; what its methods call on each other is not counted twice. */
export function countErrors<T extends object>(object: T, metrics: Metrics): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const count = (error: unknown): never => {
        countError(error, String(name), metrics);
        throw error;
      };
      return (...args: unknown[]): unknown => {
        const result: unknown = value.apply(target, args);
        if (result instanceof Promise) return result.catch(count);
        return isIterable(result) ? countedIteration(result, count) : result;
      };
    },
  });
}

export function countError(error: unknown, where: string, metrics: Metrics): void {
  metrics.add('errors', 1, { code: toAverError(error).code, where });
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function countedIteration<T>(items: AsyncIterable<T>, count: (error: unknown) => never): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = items[Symbol.asyncIterator]();
      return {
        next: () => iterator.next().catch(count),
        return: async (value) => (await iterator.return?.(value)) ?? { done: true, value },
      };
    },
  };
}
