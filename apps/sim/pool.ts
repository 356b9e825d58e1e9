/** Threads that share the simulations between them: each takes the next one when it is done with its last. */
import { Worker } from 'node:worker_threads';
import type { Result, Task } from './worker.ts';

/** Results in the order in which they come; ends the threads when nobody wants more. */
export async function* runAll(tasks: readonly Task[], jobs: number): AsyncGenerator<Result> {
  const workers = Array.from(
    { length: Math.min(jobs, tasks.length) },
    () => new Worker(new URL('./worker.ts', import.meta.url)),
  );
  const results: Result[] = [];
  let next = 0;
  let wake = () => {};
  let failure: Error | undefined;
  for (const worker of workers) {
    const give = () => {
      const task = tasks[next++];
      if (task !== undefined) worker.postMessage(task);
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
  }
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
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
