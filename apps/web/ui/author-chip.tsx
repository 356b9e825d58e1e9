/** An author's key, short, with a colour of its own; the whole key is in the title. */
import { keyHue, shortKey } from '../model/format.ts';

interface AuthorChipProps {
  readonly author: string;
  readonly self: boolean;
}

export function AuthorChip({ author, self }: AuthorChipProps) {
  return (
    <span class="author" style={{ '--hue': keyHue(author) }} title={`Author ${author}`}>
      <span class="author-dot" aria-hidden="true" />
      <code>{shortKey(author)}</code>
      {self && <span class="author-self">you</span>}
    </span>
  );
}
