/** Says aloud what came in from others, at a pace that a screen reader can follow. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Fact } from '../../../src/peer/api.ts';
import { objectToLine } from '../model/value-text.ts';
import type { OfSpace } from './context.ts';

const PAUSE_MS = 2000;

export function FactNews({ model }: OfSpace) {
  const said = useSignal('');
  const waiting = useRef<Fact[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const ends = model.facts.news.subscribe((facts) => {
      const own = model.status.peek()?.author;
      waiting.current.push(...facts.filter((fact) => fact.author !== own));
      if (waiting.current.length === 0 || timer.current !== undefined) return;
      timer.current = setTimeout(() => {
        timer.current = undefined;
        said.value = newsText(waiting.current.splice(0));
      }, PAUSE_MS);
    });
    return () => {
      ends();
      clearTimeout(timer.current);
    };
  }, [model]);
  return (
    <p class="sr-only" role="log" aria-label="New facts">
      {said.value}
    </p>
  );
}

export function newsText(facts: readonly Fact[]): string {
  const [first] = facts;
  if (first === undefined) return '';
  if (facts.length > 1) return `${facts.length} new facts`;
  return `New fact: ${first.subject}, ${first.predicate}, ${objectToLine(first.object)}`;
}
