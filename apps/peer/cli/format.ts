/** How facts, times and ids read for people, and how people write times and lengths of time. */
import { AverError } from '../../../src/base/errors.ts';
import type { Value } from '../../../src/base/value.ts';
import type { Fact, Hex, Space } from '../../../src/peer/api.ts';
import { valueToJson } from '../json.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const SHORT_ID_DIGITS = 8;

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS);
}

/** PeerIds differ at their ends. */
export function shortPeerId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-SHORT_ID_DIGITS)}`;
}

export function valueText(value: Value): string {
  return typeof value === 'string' ? value : JSON.stringify(valueToJson(value));
}

export const FACT_HEAD = ['SUBJECT', 'PREDICATE', 'OBJECT', 'SURE', 'AUTHOR', 'TIME'] as const;

export function factRow(fact: Fact): readonly string[] {
  const sure = `${Math.round(fact.confidence * 100)}%`;
  const cells = [fact.subject, fact.predicate, valueText(fact.object), sure, shortId(fact.author)];
  return [...cells, timeText(fact.timeMs)];
}

export function timeText(ms: number | undefined): string {
  return ms === undefined ? '–' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `1 fact`, `2 facts`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `90s`, `15m`, `12h`, `7d`, `2w` in milliseconds. */
export function parseDuration(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text);
  if (match === null)
    throw new AverError('BAD_INPUT', `${what}: expected a time like 90s, 12h or 7d, got "${text}".`);
  return Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0));
}

/** A date (`2026-01-31`, `2026-01-31T12:00Z`) or how long ago (`2h`), as milliseconds since 1970. */
export function parseTime(text: string, what: string, nowMs: number): number {
  if (/^\d+(\.\d+)?[smhdw]$/.test(text)) return Math.max(0, nowMs - parseDuration(text, what));
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new AverError('BAD_INPUT', `${what}: expected a date or a time like 2h, got "${text}".`);
}

export function parseCount(text: string, what: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AverError('BAD_INPUT', `${what}: expected a whole number, got "${text}".`);
}

/** The space that is meant by a name, an id, or the beginning of an id. */
export async function pickSpace(spaces: readonly Space[], wanted: string, asked: boolean): Promise<Space> {
  const byId = spaces.filter((space) => space.id === wanted);
  const byName = spaces.filter((space) => space.name === wanted);
  const byPrefix = /^[0-9a-f]{4,63}$/.test(wanted)
    ? spaces.filter((space) => space.id.startsWith(wanted))
    : [];
  const found = [byId, byName, byPrefix].find((list) => list.length > 0) ?? [];
  const [first] = found;
  if (found.length > 1) {
    const ids = found.map((space) => shortId(space.id)).join(', ');
    throw new AverError(
      'BAD_INPUT',
      `"${wanted}" means several spaces (${ids}); choose one: --space ${shortId(first?.id ?? '')}.`,
    );
  }
  if (first !== undefined) return first;
  const [only] = spaces;
  // Somebody who has one space and did not ask for another means that one.
  if (!asked && spaces.length === 1 && only !== undefined) return only;
  const known = spaces.map((space: { readonly name: string; readonly id: Hex }) => space.name).join(', ');
  const here = known === '' ? 'there is no space here yet' : `here are: ${known}`;
  throw new AverError('UNKNOWN_SPACE', `There is no space "${wanted}"; ${here}.`);
}
