/** Threads that share the simulations between them: each takes the next one when it is done with its last. */
import { Worker } from 'node:worker_threads';
import type { Result, Task } from './worker.ts';

/** A thread is replaced after so many: what a simulation leaves waiting for ever keeps its memory, 20 MB each. */
const TASKS_PER_THREAD = 20;

/** Results in the order in which they come; ends the threads when nobody wants more. */
export async function* runAll(tasks: readonly Task[], jobs: number): AsyncGenerator<Result> {
  const results: Result[] = [];
  const workers = new Set<Worker>();
  let next = 0;
  let wake = () => {};
  let failure: Error | undefined;
  const start = () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    workers.add(worker);
    let given = 0;
    const give = () => {
      if (next >= tasks.length) return;
      if (given++ < TASKS_PER_THREAD) return worker.postMessage(tasks[next++]);
      workers.delete(worker);
      void worker.terminate();
      start();
    };
    worker.on('message', (result: Result) => {
      results.push(result);
      give();
      wake();
    });
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
      wake();
    });
    give();
  };
  for (let job = 0; job < Math.min(jobs, tasks.length); job++) start();
  try {
    for (let given = 0; given < tasks.length; given++) {
      while (results.length === 0 && failure === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure !== undefined) throw failure;
      yield results.shift() as Result;
    }
  } finally {
    await Promise.all([...workers].map((worker) => worker.terminate()));
  }
}
