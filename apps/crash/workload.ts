/** What a writer writes: the content follows from the name, so that whoever knows the name can check it. */
import { createHash } from 'node:crypto';

export type Kind = 'put' | 'bulk' | 'blob';

export interface WrittenClaim {
  readonly subject: string;
  readonly predicate: string;
  readonly object: string;
}

const CLAIMS: Readonly<Record<Kind, number>> = { put: 2, bulk: 200, blob: 1 };
/** Characters of an object; a blob nearly fills an assertion. */
const LENGTH: Readonly<Record<Kind, number>> = { put: 40, bulk: 40, blob: 50_000 };

/** Names look like `kind-life-lane-number`. */
export function kindOf(name: string): Kind {
  return name.split('-', 1)[0] as Kind;
}

export function claimsOf(name: string): WrittenClaim[] {
  const kind = kindOf(name);
  return Array.from({ length: CLAIMS[kind] }, (_, i) => ({
    subject: name,
    predicate: `part/${i}`,
    object: filling(`${name}/${i}`, LENGTH[kind]),
  }));
}

/** Text that does not compress well. */
function filling(seed: string, length: number): string {
  let text = '';
  for (let i = 0; text.length < length; i++)
    text += createHash('sha256').update(`${seed}/${i}`).digest('base64');
  return text.slice(0, length);
}
