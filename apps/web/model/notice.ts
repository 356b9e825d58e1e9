/** Errors and news for people: what happened and what to do. */
import { signal } from '@preact/signals';
import { type ErrorCode, toAverError } from '../../../src/base/errors.ts';

export interface Notice {
  readonly kind: 'error' | 'warning' | 'done';
  readonly message: string;
  readonly advice?: string;
  readonly code?: ErrorCode;
}

export function errorNotice(error: unknown): Notice {
  const { code, message, advice } = toAverError(error);
  return { kind: 'error', code, message, advice };
}

const KEPT_MAX = 4;

/** Notices that stay until somebody closes them; the oldest gives way. */
export class Notices {
  readonly list = signal<readonly (Notice & { readonly id: number })[]>([]);
  #nextId = 1;

  add(notice: Notice): void {
    const same = (other: Notice) => other.message === notice.message;
    const others = this.list.value.filter((other) => !same(other));
    this.list.value = [...others.slice(1 - KEPT_MAX), { ...notice, id: this.#nextId++ }];
  }

  error(error: unknown): void {
    const notice = errorNotice(error);
    if (notice.code !== 'ABORTED') this.add(notice);
  }

  close(id: number): void {
    this.list.value = this.list.value.filter((notice) => notice.id !== id);
  }
}
