/** Objects of claims as people type and read them: JSON where it parses, else text. */
import type { Value } from '../../../src/base/value.ts';

export function textToObject(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
}

/** One line for a table cell. Text stands without quotes, unless it would read as JSON. */
export function objectToLine(object: Value): string {
  if (typeof object !== 'string') return JSON.stringify(readable(object));
  return isJson(object) ? JSON.stringify(object) : object;
}

/** Everything, over several lines. */
export function objectToText(object: Value): string {
  return typeof object === 'string' ? object : JSON.stringify(readable(object), null, 2);
}

export function objectKind(object: Value): string {
  if (object === null) return 'null';
  if (object instanceof Uint8Array) return `${object.length} bytes`;
  if (Array.isArray(object)) return 'list';
  if (typeof object === 'object') return 'object';
  return typeof object === 'string' ? 'text' : typeof object;
}

function isJson(text: string): boolean {
  if (!/^[\s\d[{"tfn-]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Byte strings have no JSON form; they show as base64, marked as such. */
export function readable(value: Value): unknown {
  if (value instanceof Uint8Array) return { '/bytes': btoa(String.fromCharCode(...value)) };
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item)]));
  return value;
}
