#!/usr/bin/env node
/** The program `aver` (docs/cli.md). */
import module from 'node:module';
import { join } from 'node:path';
import { packageRoot } from './package-root.ts';

// What V8 made of the code is kept for the next command, beside the code: whoever can write there could
// change that, too. Where nobody can, or in a Node before 22.1, each command compiles what it runs.
module.enableCompileCache?.(join(packageRoot(), '.cache', 'compiled'));
const { runProcess } = await import('./process.ts');
const code = await runProcess(process.argv.slice(2));
// By now everything is stored and stopped. What is left are native timers of the WebRTC library, which
// keep a process for seconds; but what was printed must be out first.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
process.exit(code);
