/** What tools that people run by hand (`npm run crash`, `flood`, `fuzz`, `sim` …) have in common: words for people, and options. */
import { InvalidArgumentError } from 'commander';

/** A line for people: standard output is for what programs read. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** One line that is written over, where somebody watches. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

/** Reads an option that is a whole number, from so many on. */
export function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < least || text.trim() === '')
      throw new InvalidArgumentError(`It must be a whole number from ${least} on.`);
    return number;
  };
}

/** Reads an option that is a number above zero. */
export function positive(text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0)
    throw new InvalidArgumentError('It must be a number above zero.');
  return number;
}
