/** What the browser promises about stored data, and files that go in and out. */
import { signal } from '@preact/signals';

/** True when the browser keeps the data under pressure; undefined while it is not known. */
export const persistent = signal<boolean | undefined>(undefined);

export async function readPersistent(): Promise<void> {
  persistent.value = await navigator.storage?.persisted?.();
}

/** Asks the browser to keep the data; it decides alone or asks the user. */
export async function askPersistent(): Promise<boolean> {
  const granted = (await navigator.storage?.persist?.()) ?? false;
  persistent.value = granted;
  return granted;
}

/** Where small things about the page are remembered; for this visit only where the browser keeps nothing. */
export function pageStorage(): Pick<Storage, 'getItem' | 'setItem'> {
  try {
    return localStorage;
  } catch {
    const items = new Map<string, string>();
    return {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, value),
    };
  }
}

/** The chunks of a chosen file; not every browser iterates streams. */
export async function* fileChunks(file: Blob): AsyncIterable<Uint8Array> {
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Hands the chunks to the browser's downloads. Resolves with the size. */
export async function download(name: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const parts: BlobPart[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  const blob = new Blob(parts, { type: 'application/octet-stream' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download holds the data by now; the address may go.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return blob.size;
}
