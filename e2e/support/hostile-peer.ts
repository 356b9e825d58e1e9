/** Starts `hostile.ts` and waits until it has done its worst. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../../apps/setup/process.mjs';
import type { Done, Job } from '../hostile.ts';

export interface HostilePeer extends Done {
  /** What it has learned by now. */
  look(): Promise<Done>;
  stop(): Promise<void>;
}

export async function startHostile(job: Job): Promise<HostilePeer> {
  const script = join(ROOT, 'e2e', 'hostile.ts');
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, JSON.stringify(job)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += String(chunk);
  });
  const lines = linesOf(child, () => log);
  const done = JSON.parse(await lines.next()) as Done;
  return {
    ...done,
    look: async () => {
      child.stdin.write('\n');
      return JSON.parse(await lines.next()) as Done;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

function linesOf(child: ChildProcess, log: () => string): { next(): Promise<string> } {
  const lines: string[] = [];
  let rest = '';
  let ended = false;
  child.stdout?.on('data', (chunk) => {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    child.emit('line');
  });
  child.once('close', () => {
    ended = true;
    child.emit('line');
  });
  return {
    next: async () => {
      while (lines.length === 0) {
        if (ended) throw new Error(`The hostile peer ended:\n${log()}`);
        await once(child, 'line');
      }
      return lines.shift() as string;
    },
  };
}
