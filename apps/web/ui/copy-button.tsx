/** Copies a text and says for a moment that it did. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface CopyButtonProps {
  readonly label: string;
  readonly text: () => string;
}

const SAID_MS = 2000;

export function CopyButton({ label, text }: CopyButtonProps) {
  const state = useSignal<'idle' | 'done' | 'failed'>('idle');
  useEffect(() => {
    if (state.value === 'idle') return;
    const timer = setTimeout(() => {
      state.value = 'idle';
    }, SAID_MS);
    return () => clearTimeout(timer);
  }, [state.value]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      state.value = 'done';
    } catch {
      state.value = 'failed';
    }
  };
  return (
    <button type="button" class="button" onClick={copy}>
      <Icon name={state.value === 'done' ? 'check' : 'copy'} />
      <span aria-live="polite">
        {state.value === 'done' ? 'Copied' : state.value === 'failed' ? 'Select and copy it by hand' : label}
      </span>
    </button>
  );
}
