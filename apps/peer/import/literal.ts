/** What a text in a CSV cell or on the command line means as a value. */
import { isAverError } from '../../../src/base/errors.ts';
import type { Value } from '../../../src/base/value.ts';
import { jsonToValue } from '../json.ts';

/**
 * JSON where that loses nothing, else the text itself. A number must read back exactly as written:
 * `42` is a number, while `007`, `1.10` and 20-digit ids stay text.
 */
export function textToValue(text: string): Value {
  if (!/^(?:true|false|null|-?\d[\d.eE+-]*|["[{][\s\S]*)$/.test(text)) return text;
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'number' && String(json) !== text) return text;
    return jsonToValue(json);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    if (isAverError(error, 'BAD_INPUT')) return text;
    throw error;
  }
}
