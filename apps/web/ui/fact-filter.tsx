/** Narrowing the table: by the beginning of the subject, by predicate, and its order. */
import type { TableOrder } from '../model/fact-table.ts';
import type { OfSpace } from './context.ts';

export const PREDICATES_ID = 'known-predicates';

export function FactFilter({ model }: OfSpace) {
  const { facts } = model;
  return (
    <search class="filter" aria-label="Filter facts">
      <label class="filter-field">
        <span class="label">Subject starts with</span>
        <input
          class="field"
          type="search"
          placeholder="All subjects"
          value={facts.subject.value}
          onInput={(event) => facts.filter({ subject: event.currentTarget.value })}
        />
      </label>
      <label class="filter-field">
        <span class="label">Predicate is</span>
        <input
          class="field"
          type="search"
          placeholder="All predicates"
          list={PREDICATES_ID}
          value={facts.predicate.value}
          onInput={(event) => facts.filter({ predicate: event.currentTarget.value })}
        />
      </label>
      <label class="filter-field order">
        <span class="label">Order</span>
        <select
          class="field"
          value={facts.order.value}
          onChange={(event) => facts.sort(event.currentTarget.value as TableOrder)}
        >
          <option value="newest">Newest first</option>
          <option value="subject">By subject</option>
        </select>
      </label>
      <datalist id={PREDICATES_ID}>
        {facts.predicates.value.map((predicate) => (
          <option key={predicate} value={predicate} />
        ))}
      </datalist>
    </search>
  );
}
