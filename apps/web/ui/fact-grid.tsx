/**
 * The table of facts. All rows have one height, and only those on the screen exist, so the number of
 * facts does not matter to scrolling.
 */
// biome-ignore-all lint/a11y/useSemanticElements: rows of a real table cannot be placed absolutely
// biome-ignore-all lint/a11y/useFocusableInteractive: cells of a plain table take no focus
// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a scrolling region is focusable
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Fact } from '../../../src/peer/api.ts';
import { rowWindow } from '../model/table-rows.ts';
import type { OfSpace } from './context.ts';
import { FactRow } from './fact-row.tsx';

const COLUMNS = ['Subject', 'Predicate', 'Object', 'Confidence', 'Author', 'Time'];
const ROW_PX = 42;
const NARROW_ROW_PX = 76;
/** Below this width of the table a row has two lines. */
const NARROW_PX = 680;

interface FactGridProps extends OfSpace {
  readonly onShow: (fact: Fact) => void;
}

export function FactGrid({ model, onShow }: FactGridProps) {
  const ref = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const box = useSignal({ width: 1000, height: 600 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = () => {
      box.value = { width: element.clientWidth, height: element.clientHeight };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const rows = model.facts.rows.value;
  const narrow = box.value.width < NARROW_PX;
  const rowPx = narrow ? NARROW_ROW_PX : ROW_PX;
  const { from, to } = rowWindow(top.value, box.value.height, rowPx, rows.length);
  const scrolled = (event: Event) => {
    top.value = (event.currentTarget as HTMLElement).scrollTop;
  };
  return (
    <div
      ref={ref}
      class={`grid ${narrow ? 'narrow' : ''}`}
      role="table"
      aria-label="Facts"
      aria-rowcount={rows.length + 1}
      aria-colcount={COLUMNS.length}
      tabIndex={0}
      onScroll={scrolled}
    >
      <GridHead />
      <div role="rowgroup" class="grid-body" style={{ height: rows.length * rowPx }}>
        {rows.slice(from, to).map((row, place) => (
          <FactRow
            key={rowKey(row)}
            model={model}
            row={row}
            index={from + place}
            top={(from + place) * rowPx}
            onShow={onShow}
          />
        ))}
      </div>
    </div>
  );
}

function GridHead() {
  return (
    <div role="rowgroup" class="grid-head">
      <div role="row" class="grid-row" aria-rowindex={1}>
        {COLUMNS.map((column) => (
          <span key={column} role="columnheader" class={`cell ${column.toLowerCase()}`}>
            {column}
          </span>
        ))}
      </div>
    </div>
  );
}

function rowKey(row: Parameters<typeof FactRow>[0]['row']): string {
  return row.kind === 'group' ? row.key : `${row.group.key}\u0000${row.fact.id}:${row.fact.index}`;
}
