/** IndexedDB's requests and transactions as promises, and their errors as ours. */
import { AverError } from '../base/errors.ts';

/** Rejects with what failed first, also where the transaction was completed all the same. */
export function doneOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: DOMException | null = null;
    transaction.onerror = ({ target }) => {
      failure ??= (target as IDBRequest).error;
    };
    transaction.oncomplete = () => (failure === null ? resolve() : reject(failure));
    transaction.onabort = () => reject(failure ?? transaction.error);
  });
}

/** Nothing of it is done. It may be over already. */
export function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It was.
  }
}

/** What the request found. A failure also ends its transaction, unless the listener prevents that. */
export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export function toStoreError(error: unknown): AverError {
  if (error instanceof AverError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
  if (name === 'QuotaExceededError') {
    // Chromium gives no message of its own.
    const why = message === '' ? '.' : `: ${message}`;
    return new AverError('STORE_FULL', `The browser gives this page no more storage${why}`, { cause: error });
  }
  return new AverError('STORE_FAILED', `IndexedDB failed: ${name} ${message}`, { cause: error });
}
