/**
 * Knows, outside of the browser, every write that a tab said was saved, and holds a peer's copy against
 * it: none is lost, and each author's chain is one line without gaps.
 */
import { expect, type Page } from '@playwright/test';
import type { Fact } from '../../src/peer/api.ts';
import type { NodePeer } from './node-peer.ts';

export interface Acknowledged {
  readonly subject: string;
  readonly seq: number;
  readonly atMs: number;
}

/** What the page says of itself to the recorder. */
type Tell = (subject: string, outcome: string) => Promise<void>;

export class Recorder {
  readonly acknowledged: Acknowledged[] = [];
  /** What else the form said after a write, with how often. */
  readonly refusals = new Map<string, number>();

  /**
   * The tab writes fact after fact through its form, as fast as it is answered, until it is told to stop;
   * each with an object of so many characters that cannot be compressed.
   */
  async write(page: Page, name: string, size = 20): Promise<void> {
    await page.exposeFunction('tellRecorder', (subject: string, outcome: string) => {
      const seq = /your assertion number (\d+)/.exec(outcome)?.[1];
      if (seq !== undefined) this.acknowledged.push({ subject, seq: Number(seq), atMs: performance.now() });
      else this.refusals.set(outcome, (this.refusals.get(outcome) ?? 0) + 1);
    });
    await page.evaluate(writeInPage, { name, size });
  }

  /** Resolves with the time from now until a tab is told that something is saved. */
  async next(name: string, timeoutMs = 15_000): Promise<number> {
    const startMs = performance.now();
    const since = this.acknowledged.length;
    const isNext = () => this.acknowledged.slice(since).some(({ subject }) => subject.startsWith(`${name} `));
    await expect.poll(isNext, { timeout: timeoutMs, intervals: [20] }).toBe(true);
    return performance.now() - startMs;
  }

  /** Every acknowledged write is at this peer, under its number, and no number of an author is there twice. */
  async expectAllAt(peer: NodePeer): Promise<{ assertions: number; authors: number }> {
    const facts = await factsAt(peer);
    const seqsBySubject = new Map<string, number[]>();
    const seqsByAuthor = new Map<string, number[]>();
    for (const { subject, author, seq } of facts) {
      seqsBySubject.set(subject, [...(seqsBySubject.get(subject) ?? []), seq]);
      seqsByAuthor.set(author, [...(seqsByAuthor.get(author) ?? []), seq]);
    }
    const lost = this.acknowledged.filter(({ subject, seq }) => !seqsBySubject.get(subject)?.includes(seq));
    expect(lost, 'acknowledged writes that are lost').toEqual([]);
    for (const seqs of seqsByAuthor.values()) {
      seqs.sort((a, b) => a - b);
      expect(seqs, 'the chain of an author').toEqual(seqs.map((_, i) => i + 1));
    }
    return { assertions: facts.length, authors: seqsByAuthor.size };
  }
}

/** All facts that a peer has. */
export async function factsAt(peer: NodePeer): Promise<Pick<Fact, 'subject' | 'author' | 'seq' | 'hlc'>[]> {
  const { code, stdout, stderr } = await peer.aver('query', '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Runs in the page, which must not wait for it. */
function writeInPage({ name, size }: { readonly name: string; readonly size: number }): void {
  const page = globalThis as unknown as {
    tellRecorder: Tell;
    stopWriting?: () => Promise<void>;
    writes?: number;
  };
  const form = document.querySelector<HTMLFormElement>('form[aria-label="Write a fact"]');
  if (form === null) throw new Error('This page has no form to write with.');
  const inputs = [...form.querySelectorAll('input')].slice(0, 3);
  const setValue = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
  const fill = (values: readonly string[]): void => {
    for (const [i, input] of inputs.entries()) {
      setValue?.call(input, values[i]);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  };
  const outcome = (): string | undefined => form.querySelector('.write-outcome')?.textContent ?? undefined;
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return;
        observer.disconnect();
        resolve();
      };
      const observer = new MutationObserver(look);
      observer.observe(form, { childList: true, subtree: true, attributes: true, characterData: true });
      look();
    });
  const dismiss = async (): Promise<void> => {
    form.querySelector<HTMLButtonElement>('[aria-label="Dismiss"]')?.click();
    await until(
      () => outcome() === undefined && !form.querySelector<HTMLButtonElement>('[type=submit]')?.disabled,
    );
  };
  const noise = (): string => {
    const words = Array.from({ length: Math.ceil(size / 10) }, () => Math.random().toString(36).slice(2, 12));
    return words.join('');
  };
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      page.writes = (page.writes ?? 0) + 1;
      const subject = `${name} ${page.writes}`;
      await dismiss();
      fill([subject, 'says', noise()]);
      form.requestSubmit();
      await until(() => outcome() !== undefined);
      await page.tellRecorder(subject, outcome() ?? '');
    }
  })();
  page.stopWriting = () => {
    isOver = true;
    return writing;
  };
}

/** Resolves when the write under way was answered. */
export async function stopWriting(page: Page): Promise<void> {
  await page.evaluate(() => (globalThis as unknown as { stopWriting(): Promise<void> }).stopWriting());
}
