/**
 * Threads that check signatures a batch at a time. The pool of libuv wakes a thread for each signature,
 * which holds the caller up for a good part of what the check takes, and lets the disk wait behind them.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { limits } from '../base/limits.ts';

export interface Check {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly resolve: (valid: boolean) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Batches that it was given and has not answered, oldest first: it answers in order. */
  readonly batches: (readonly Check[])[];
  checks: number;
  isReady: boolean;
}

/** In front of each message: its length, the key, the signature. */
const HEAD_BYTES = 4 + 32 + 64;
const THREADS_MAX = Math.min(limits.verifyThreadsMax, availableParallelism());
/** So many checks under way in each thread are worth another one, which takes a few tens of milliseconds to start. */
const CHECKS_EACH = 256;

/** Shared by all peers of a process. They keep it alive only while there is something to check. */
const threads: Thread[] = [];
/** Threads that broke are not replaced: a bundler that spoils the text of `work` would have us start them for ever. */
let broken = 0;

/** Gives the batch to threads; false when none is ready, or one must be started first. `onLost` gets what a thread left undone that broke. */
export function verifyInThreads(
  checks: readonly Check[],
  onLost: (checks: readonly Check[]) => void,
): boolean {
  if (threads.every((thread) => !thread.isReady || thread.checks > CHECKS_EACH)) start(onLost);
  const ready = threads.filter((thread) => thread.isReady);
  if (ready.length === 0) return false;
  ready.sort((a, b) => a.checks - b.checks);
  const each = Math.ceil(checks.length / ready.length);
  // What one thread does in the time that it takes to wake two is not split.
  const share = Math.max(each, limits.verifyShareMin);
  for (let i = 0; i * share < checks.length; i++)
    give(ready[i] as Thread, checks.slice(i * share, (i + 1) * share));
  return true;
}

function start(onLost: (checks: readonly Check[]) => void): void {
  if (threads.length + broken >= THREADS_MAX || threads.some((thread) => !thread.isReady)) return;
  const worker = new Worker(`(${work.toString()})()`, { eval: true });
  const thread: Thread = { worker, batches: [], checks: 0, isReady: false };
  threads.push(thread);
  worker.on('online', () => {
    thread.isReady = true;
  });
  worker.on('message', (verdicts: Uint8Array) => {
    const batch = thread.batches.shift() ?? [];
    thread.checks -= batch.length;
    if (thread.checks === 0) worker.unref();
    for (const [i, { resolve }] of batch.entries()) resolve(verdicts[i] === 1);
  });
  const lost = () => {
    if (!threads.includes(thread)) return;
    threads.splice(threads.indexOf(thread), 1);
    broken++;
    onLost(thread.batches.flat());
  };
  worker.on('error', lost);
  worker.on('exit', lost);
  // After the listeners: one for messages keeps the process alive again.
  worker.unref();
}

function give(thread: Thread, checks: readonly Check[]): void {
  const bytes = new Uint8Array(checks.reduce((sum, { message }) => sum + HEAD_BYTES + message.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { publicKey, message, signature } of checks) {
    view.setUint32(at, message.length);
    bytes.set(publicKey, at + 4);
    bytes.set(signature, at + 36);
    bytes.set(message, at + HEAD_BYTES);
    at += HEAD_BYTES + message.length;
  }
  if (thread.checks === 0) thread.worker.ref();
  thread.batches.push(checks);
  thread.checks += checks.length;
  thread.worker.postMessage(bytes, [bytes.buffer]);
}

/** What a thread does. It is sent there as text, so it names nothing from outside of itself. */
function work(): void {
  const { createPublicKey, verify } = process.getBuiltinModule('node:crypto');
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  type Key = ReturnType<typeof createPublicKey>;
  const spkiHead = Buffer.from('302a300506032b6570032100', 'hex');
  let keys = new Map<string, Key>();

  const keyOf = (raw: Buffer) => {
    const name = raw.toString('latin1');
    let key = keys.get(name);
    if (key === undefined) {
      key = createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' });
      if (keys.size >= 4096) keys = new Map();
      keys.set(name, key);
    }
    return key;
  };

  parentPort?.on('message', (bytes: Uint8Array) => {
    const batch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const verdicts: number[] = [];
    for (let at = 0; at < batch.length; ) {
      const end = at + 100 + batch.readUInt32BE(at);
      const key = keyOf(batch.subarray(at + 4, at + 36));
      verdicts.push(
        verify(null, batch.subarray(at + 100, end), key, batch.subarray(at + 36, at + 100)) ? 1 : 0,
      );
      at = end;
    }
    parentPort.postMessage(Uint8Array.from(verdicts));
  });
}
