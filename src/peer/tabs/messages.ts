/** What the tabs of one profile say to each other over their broadcast channel. */
import { ADVICE, AverError, type ErrorCode, toAverError } from '../../base/errors.ts';

/** An error that survives a structured clone. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export interface Call {
  readonly type: 'call';
  /** The peer tab that is meant: one that was taken over in its sleep must not answer for the next. */
  readonly to: string | undefined;
  readonly from: string;
  readonly call: number;
  /** Hex id of the space that is meant; the peer itself when absent. */
  readonly space: string | undefined;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type TabMessage =
  | Call
  | {
      readonly type: 'result';
      readonly to: string;
      readonly call: number;
      readonly value?: unknown;
      readonly error?: PlainError;
    }
  /** The caller lost interest in a call or an iteration. */
  | { readonly type: 'cancel'; readonly to: string | undefined; readonly from: string; readonly call: number }
  | {
      readonly type: 'next';
      readonly to: string | undefined;
      readonly from: string;
      readonly call: number;
      readonly step: number;
    }
  | {
      readonly type: 'event';
      readonly space: string | undefined;
      readonly event: string;
      readonly args: readonly unknown[];
    }
  | { readonly type: 'ping'; readonly from: string }
  /** The peer tab is there: said on start and in answer to a ping. */
  | { readonly type: 'leader'; readonly id: string }
  /** The store ended under the peer tab: it does for all of them. */
  | { readonly type: 'ended'; readonly error: PlainError };

/** Whether something that came over the channel may be a message. Its parts are checked where they are used. */
export function isTabMessage(data: unknown): data is TabMessage {
  if (typeof data !== 'object' || data === null || !('type' in data)) return false;
  const error = 'error' in data ? data.error : undefined;
  return error === undefined ? data.type !== 'ended' : typeof error === 'object' && error !== null;
}

export function plainError(error: unknown): PlainError {
  const { code, message, fields } = toAverError(error);
  return { code, message, fields };
}

/** The error again; what another version of the page sent with an unknown code is `INTERNAL`. */
export function revivedError({ code, message, fields }: PlainError): AverError {
  return new AverError(Object.hasOwn(ADVICE, code) ? code : 'INTERNAL', message, { fields });
}
