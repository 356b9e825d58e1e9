/** Where the items of a CBOR encoding lie, found leniently: what is to be spoiled need not be sound. */

export interface Item {
  readonly at: number;
  /** Bytes of its head. */
  readonly head: number;
  readonly major: number;
  /** Argument of the head. */
  readonly argument: number;
  /** Where it ends with all that is in it. */
  readonly end: number;
}

const ITEMS_MAX = 2048;
const DEPTH_MAX = 48;

/** Items in the order of their heads, those inside others too; none where the bytes are no CBOR. */
export function itemsOf(bytes: Uint8Array): Item[] {
  const items: Item[] = [];
  read(bytes, 0, 0, items);
  return items;
}

function read(bytes: Uint8Array, at: number, depth: number, items: Item[]): number {
  const first = bytes[at];
  if (first === undefined || depth > DEPTH_MAX || items.length >= ITEMS_MAX) return bytes.length;
  const [argument, head] = argumentAt(bytes, at);
  const major = first >> 5;
  const place = items.length;
  items.push({ at, head, major, argument, end: bytes.length });
  let end = at + head;
  if (major === 2 || major === 3) end += argument;
  if (major === 4 || major === 5) {
    const inside = argument * (major - 3);
    for (let i = 0; i < inside && end < bytes.length; i++) end = read(bytes, end, depth + 1, items);
  }
  end = Math.min(end, bytes.length);
  items[place] = { at, head, major, argument, end };
  return end;
}

function argumentAt(bytes: Uint8Array, at: number): [argument: number, head: number] {
  const info = (bytes[at] as number) & 31;
  if (info < 24 || info > 27) return [info < 24 ? info : 0, 1];
  const size = 1 << (info - 24);
  let argument = 0;
  for (let i = 1; i <= size; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
  return [argument, 1 + size];
}

/** A head in its shortest form, or in one of so many bytes of argument. */
export function headOf(major: number, argument: number, size?: 1 | 2 | 4 | 8): Uint8Array {
  const wanted = size ?? sizeOf(argument);
  if (wanted === 0) return Uint8Array.of((major << 5) | argument);
  const bytes = new Uint8Array(1 + wanted);
  bytes[0] = (major << 5) | (24 + Math.log2(wanted));
  const view = new DataView(bytes.buffer);
  if (wanted === 1) bytes[1] = argument;
  else if (wanted === 2) view.setUint16(1, argument);
  else if (wanted === 4) view.setUint32(1, argument);
  else view.setBigUint64(1, BigInt.asUintN(64, BigInt(Math.floor(argument))));
  return bytes;
}

function sizeOf(argument: number): 0 | 1 | 2 | 4 | 8 {
  if (argument < 24) return 0;
  if (argument < 0x100) return 1;
  if (argument < 0x10000) return 2;
  return argument < 0x100000000 ? 4 : 8;
}
