/**
 * Facts as JSON, for the HTTP interface, files and `--json`.
 *
 * JSON has no byte strings: one travels as `{"$bytes": "<base64url>"}`. A map that happens to look
 * like that gets one more `$` in front, so that every value survives the way there and back.
 */
import { base64UrlToBytes, bytesToBase64Url } from '../../src/base/bytes.ts';
import { AverError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import type { Value } from '../../src/base/value.ts';
import type { Fact, Resolution, WatchEvent } from '../../src/peer/api.ts';

const LOOKS_LIKE_BYTES = /^\$+bytes$/;
const BASE64_CHARS_MAX = Math.ceil((limits.assertionBytesMax * 4) / 3);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export function valueToJson(value: Value): Json {
  if (value instanceof Uint8Array) return { $bytes: bytesToBase64Url(value) };
  if (Array.isArray(value)) return (value as readonly Value[]).map(valueToJson);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as { readonly [key: string]: Value });
  const escaped = entries.length === 1;
  return Object.fromEntries(
    entries.map(([key, item]) => [
      escaped && LOOKS_LIKE_BYTES.test(key) ? `$${key}` : key,
      valueToJson(item),
    ]),
  );
}

/** Throws `TOO_DEEP`, `OVERSIZE` for byte strings that fit no payload, and `BAD_INPUT` for damaged ones. */
export function jsonToValue(json: unknown, depth = 0): Value {
  // Checked here too, because this walk itself would overflow the stack before the codec is asked.
  if (depth > limits.nestingMax) {
    throw new AverError('TOO_DEEP', `Nested deeper than ${limits.nestingMax}.`);
  }
  if (json === null || typeof json !== 'object') return json as Value;
  if (json instanceof Uint8Array) return json;
  if (Array.isArray(json)) return json.map((item) => jsonToValue(item, depth + 1));
  const entries = Object.entries(json);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && LOOKS_LIKE_BYTES.test(only[0])) {
    if (only[0] !== '$bytes') return { [only[0].slice(1)]: jsonToValue(only[1], depth + 1) };
    if (typeof only[1] !== 'string') throw new AverError('BAD_INPUT', '"$bytes" must be base64url text.');
    // Longer ones fit no payload, and take long to decode.
    if (only[1].length > BASE64_CHARS_MAX) {
      throw new AverError('OVERSIZE', `A byte string is over ${limits.assertionBytesMax} bytes.`);
    }
    return base64UrlToBytes(only[1]);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, jsonToValue(item, depth + 1)]));
}

export function factToJson(fact: Fact): Fact {
  return { ...fact, object: valueToJson(fact.object) as Value };
}

export function jsonToFact(json: Fact): Fact {
  return { ...json, object: jsonToValue(json.object) };
}

export function resolutionToJson(resolution: Resolution): Resolution {
  return mapResolution(resolution, factToJson);
}

export function jsonToResolution(json: Resolution): Resolution {
  return mapResolution(json, jsonToFact);
}

function mapResolution(resolution: Resolution, map: (fact: Fact) => Fact): Resolution {
  const winner = resolution.winner === undefined ? undefined : map(resolution.winner);
  return { winner, candidates: resolution.candidates.map(map), lens: resolution.lens };
}

export function watchEventToJson(event: WatchEvent): WatchEvent {
  return event.type === 'erased' ? event : { ...event, facts: event.facts.map(factToJson) };
}

export function jsonToWatchEvent(json: WatchEvent): WatchEvent {
  return json.type === 'erased' ? json : { ...json, facts: json.facts.map(jsonToFact) };
}
