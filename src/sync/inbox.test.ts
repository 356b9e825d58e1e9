import { expect, test } from 'vitest';
import { limits } from '../base/limits.ts';
import { Inbox } from './inbox.ts';
import type { Answer } from './messages.ts';

const chunk: Answer = { type: 'runs', runs: [], open: true, cursor: null };

test('takes as many chunks as the peer was let send, and no more, also when they are taken at once', async () => {
  const inbox = new Inbox();
  for (let n = 0; n < limits.chunksAheadMax; n++) {
    expect(inbox.answer(chunk)).toBe(true);
    await inbox.next();
  }
  inbox.allow();
  expect(inbox.answer(chunk)).toBe(true);
  expect(inbox.answer(chunk)).toBe(false);
  // What comes after the lie is not a lie of its own, and is not kept either.
  expect(inbox.answer(chunk)).toBe(true);
  await inbox.next();
  await expect(inbox.next()).rejects.toMatchObject({ code: 'BAD_ENCODING' });
});

test('takes an answer that ends the chunks, whatever was let', async () => {
  const inbox = new Inbox();
  for (let n = 0; n < limits.chunksAheadMax; n++) inbox.answer(chunk);
  expect(inbox.answer({ type: 'busy', retryAfterMs: 1 })).toBe(true);
  for (let n = 0; n < limits.chunksAheadMax; n++) expect(await inbox.next()).toBe(chunk);
  expect(await inbox.next()).toMatchObject({ type: 'busy' });
});
