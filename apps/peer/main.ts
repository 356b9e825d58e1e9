#!/usr/bin/env node
/** The program `aver` (docs/cli.md). */
import { runProcess } from './process.ts';

const code = await runProcess(process.argv.slice(2));
// By now everything is stored and stopped. What is left are native timers of the WebRTC library, which
// keep a process for seconds; but what was printed must be out first.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
process.exit(code);
