/** Keys as strings of one char per byte: they compare as unsigned bytes do, and a map can hold them. */

/** Bytes that fit the stack as arguments of one call, with room to spare. */
const ARGUMENTS_MAX = 4096;

export function toText(bytes: Uint8Array): string {
  if (bytes.length <= ARGUMENTS_MAX) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  return toText(bytes.subarray(0, ARGUMENTS_MAX)) + toText(bytes.subarray(ARGUMENTS_MAX));
}

export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
