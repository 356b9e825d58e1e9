/** The authors behind a difference, with how far each side has come. */
import type { TrieComparison } from '../../../src/peer/api.ts';
import { formatCount, plural } from '../model/format.ts';
import { AuthorChip } from './author-chip.tsx';
import type { OfSpace } from './context.ts';

export function AuthorDifferences({ model, comparison }: OfSpace & { readonly comparison: TrieComparison }) {
  const own = model.status.value?.author;
  return (
    <section class="card" aria-label="Authors behind the difference">
      <header class="card-head">
        <h2>Authors behind the difference</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is focusable */}
      <section class="table-scroll" tabIndex={0} aria-label="Table of authors">
        <table class="table" aria-label="Authors behind the difference">
          <thead>
            <tr>
              <th scope="col">Author</th>
              <th scope="col" class="number">
                Ours
              </th>
              <th scope="col" class="number">
                Theirs
              </th>
              <th scope="col">So</th>
            </tr>
          </thead>
          <tbody>
            {comparison.authors.map(({ author, mine, theirs }) => (
              <tr key={author}>
                <th scope="row">
                  <AuthorChip author={author} self={author === own} />
                </th>
                <td class="number">{formatCount(mine)}</td>
                <td class="number">{formatCount(theirs)}</td>
                <td>{differenceOf(mine, theirs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

export function differenceOf(mine: number, theirs: number): string {
  if (mine > theirs) return `↑ it lacks ${plural(mine - theirs, 'assertion')}`;
  if (theirs > mine) return `↓ we lack ${plural(theirs - mine, 'assertion')}`;
  return '↕ two branches of one chain';
}
