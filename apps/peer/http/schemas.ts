/** What the HTTP interface accepts, as valibot schemas, and how a refusal reads. */
import type { Context } from 'hono';
import * as v from 'valibot';
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { ClaimInput, Query } from '../../../src/peer/api.ts';
import { jsonToValue } from '../json.ts';

const hex64 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'));
const flag = v.picklist(['true', 'false', '1', '0', ''], 'expected true or false');
const wholeNumber = v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'expected a whole number'), v.transform(Number));

const claim = v.strictObject({
  subject: v.string(),
  predicate: v.string(),
  object: v.unknown(),
  confidence: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
});

export const querySchema = v.strictObject({
  subject: v.optional(v.string()),
  predicate: v.optional(v.string()),
  author: v.optional(hex64),
  sinceMs: v.optional(wholeNumber),
  untilMs: v.optional(wholeNumber),
  order: v.optional(v.picklist(['subject', 'hlc', 'arrival'])),
  reverse: v.optional(flag),
  limit: v.optional(wholeNumber),
});
export const resolveSchema = v.strictObject({
  subject: v.string('subject is missing'),
  predicate: v.string('predicate is missing'),
  lens: v.optional(v.string()),
});
export const createSchema = v.strictObject({
  name: v.pipe(v.string(), v.nonEmpty()),
  write: v.optional(v.picklist(['open', 'invited'])),
  read: v.optional(v.picklist(['open', 'secret'])),
  pow: v.optional(v.array(v.tuple([v.number(), v.number()]))),
  payloadBytesMax: v.optional(v.number()),
});
export const joinSchema = v.strictObject({ invite: v.pipe(v.string(), v.nonEmpty()) });
export const connectSchema = v.strictObject({ address: v.pipe(v.string(), v.nonEmpty()) });
export const inviteSchema = v.strictObject({
  ttlMs: v.optional(v.pipe(v.number(), v.minValue(1))),
  addresses: v.optional(v.pipe(v.array(v.string()), v.maxLength(limits.inviteAddressesMax))),
  author: v.optional(hex64),
  readOnly: v.optional(v.boolean()),
  base: v.optional(v.string()),
});
export const settledSchema = v.strictObject({
  replicas: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(limits.connectionsNodeMax))),
  timeoutMs: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(limits.httpWaitMsMax))),
});
export const trieSchema = v.strictObject({
  prefix: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{0,80}$/, 'expected hex digits')), ''),
});
export const compareSchema = v.strictObject({ peer: v.pipe(v.string('peer is missing'), v.nonEmpty()) });
export const idSchema = hex64;

/** Checks `input`; throws `BAD_INPUT` that names the place in it. */
export function check<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue) ?? '';
  const at = place === '' ? '' : ` at ${place}`;
  throw new AverError('BAD_INPUT', `The ${what} is wrong${at}: ${issue.message}.`, { fields: { at: place } });
}

/** The JSON of a body; `{}` when there is none. */
export async function bodyOf<S extends v.GenericSchema>(c: Context, schema: S): Promise<v.InferOutput<S>> {
  return check(schema, await jsonOf(c), 'body');
}

async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  return text.trim() === '' ? {} : parseJson(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AverError('BAD_INPUT', `The body is not JSON: ${(error as Error).message}.`);
  }
}

/** One claim, a list of them, or `{claims}`. */
export async function claimsOf(c: Context): Promise<readonly ClaimInput[]> {
  const body = await jsonOf(c);
  // The shape is told first, so that an error is about what was meant.
  const list = Array.isArray(body)
    ? check(v.array(claim), body, 'body')
    : typeof body === 'object' && body !== null && 'claims' in body
      ? check(v.strictObject({ claims: v.array(claim) }), body, 'body').claims
      : [check(claim, body, 'body')];
  return list.map(({ subject, predicate, object, confidence }) => ({
    subject,
    predicate,
    object: jsonToValue(object),
    ...(confidence === undefined ? {} : { confidence }),
  }));
}

export function queryOf(c: Context): Query {
  const { reverse, ...rest } = check(querySchema, c.req.query(), 'query');
  const reversed = reverse !== undefined && reverse !== 'false' && reverse !== '0';
  return { ...withoutUndefined(rest), ...(reversed ? { reverse: true } : {}) } as Query;
}

/** Drops keys that are undefined: the interfaces of the peer tell absent from undefined. */
export function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}
