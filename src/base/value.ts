/** A value of a payload: what JSON has, plus byte strings. Integers within ±(2^53−1); no NaN, infinities or −0. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };
