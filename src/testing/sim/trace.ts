/** What happened in a simulation, as one running hash and, when somebody wants to read it, as lines. */
import type { Happening, Tally } from './happenings.ts';

export class Trace {
  readonly tally: Tally = {};
  #a = 0x9e3779b9;
  #b = 0x243f6a88;
  #events = 0;
  readonly #print: ((line: string) => void) | undefined;
  readonly #nowMs: () => number;

  /** `print` gets the lines of `say`; everything enters the hash with or without it. */
  constructor(nowMs: () => number, print?: (line: string) => void) {
    this.#nowMs = nowMs;
    this.#print = print;
  }

  get events(): number {
    return this.#events;
  }

  /** 64 bits in hex. Equal hashes of two runs mean that the same happened at the same times. */
  get hash(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** An event that nobody reads: too many of them. */
  note(event: string): void {
    this.#events++;
    this.#text(event);
    this.#number(this.#nowMs() * 1000);
  }

  /** An event that a person reads when the run is replayed. */
  say(event: string): void {
    this.note(event);
    this.#print?.(`${(this.#nowMs() / 1000).toFixed(3).padStart(9)} s  ${event}`);
  }

  /** Counts what came about. */
  count(what: Happening): void {
    this.tally[what] = (this.tally[what] ?? 0) + 1;
  }

  /** Bytes that were part of the event before. */
  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#mix(byte);
  }

  #text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
  }

  #number(number: number): void {
    const whole = Math.round(number);
    this.#mix(whole | 0);
    this.#mix(Math.floor(whole / 2 ** 32));
  }

  /** Two multiplicative hashes that feed each other; against chance, not against an adversary. */
  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x85ebca6b);
    this.#b = Math.imul(this.#b ^ word, 0xc2b2ae35);
    this.#a = (this.#a ^ (this.#b >>> 13)) | 0;
    this.#b = (this.#b + (this.#a >>> 16)) | 0;
  }
}
