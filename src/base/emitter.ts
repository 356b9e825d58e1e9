/** Typed events. A listener that throws does not keep the others from being told. */

// biome-ignore lint/suspicious/noExplicitAny: the map's own types check every call
type Listeners = Record<keyof any, (...args: any[]) => void>;

export class Emitter<E extends { [K in keyof E]: Listeners[string] }> {
  readonly #listeners = new Map<keyof E, Set<{ readonly tell: E[keyof E] }>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void = () => undefined) {
    this.#onError = onError;
  }

  /** Returns the function that removes the listener again. */
  on<K extends keyof E>(event: K, listener: E[K]): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    // Boxed, so that a function given twice is two listeners.
    const entry = { tell: listener };
    this.#listeners.set(event, listeners.add(entry));
    return () => listeners.delete(entry);
  }

  /** Whether anybody would be told: for events that are dear to make. */
  has(event: keyof E): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit<K extends keyof E>(event: K, ...args: Parameters<E[K]>): void {
    for (const { tell } of [...(this.#listeners.get(event) ?? [])]) {
      try {
        tell(...args);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
