/** A browser: cold fill from a Node peer over WebSocket, and durable writes, in a real Chromium over IndexedDB. */

import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type CDPSession, chromium, type Page } from 'playwright';
import { build } from 'vite';
import { scoped } from '../../src/base/scoped.ts';
import { CHROMIUM_ARGS, findChromium } from '../setup/chromium.mjs';
import type { Bench, Context } from './bench.ts';
import type { Filled, PageMethods } from './browser-page.ts';
import type { SourceMethods } from './browser-source.ts';
import { atLeast, atMost, percentiles, type Take } from './figure.ts';
import { startProcess } from './remote.ts';

const AUTHORS = 10;
const TOGETHER = 100;
/** The rows of one single-claim assertion as they are packed: block, chain, time, place, claim, tips, counters. */
const ROW_BYTES = 900;

/** What a fill has to reach. */
const PER_SECOND = 15_000;
const FRAME_MS = 50;
/** What durable writes have to reach: three fifths of the speed of bare ones. */
const PUT_RATIO = 1 / 0.6;
const TOGETHER_PER_SECOND = 5000;

export const browser: Bench = {
  name: 'browser',
  about: `a Chromium page pulls single-claim assertions of ${AUTHORS} authors, and writes its own`,
  async run(context) {
    const takes: Take[] = [];
    for (const count of context.assertions) takes.push(...(await fill(context, count)));
    return takes;
  },
};

async function fill(context: Context, count: number): Promise<Take[]> {
  const directory = await mkdtemp(join(context.directory, 'browser-'));
  const source = startProcess<SourceMethods>('browser-source.ts', context);
  return scoped(source, async ({ call }) => {
    const invite = await call.start(directory, count, AUTHORS);
    const takes = await scoped(await openPage(), async (page) => {
      let filled = {} as Filled;
      const tasksMs = await page.tasksMs(async () => {
        filled = await profiled(page, context, `fill-${count}`, () => page.call.fill('fill', invite, count));
      });
      if (filled.root !== (await call.root())) throw new Error('The roots differ.');
      const rawSeconds = await page.call.rawFill('fill');
      const takes = fillTakes(filled, count, rawSeconds, tasksMs);
      return [...takes, ...(await putTakes(page, context, count))];
    });
    await call.stop();
    return takes.map((take) => ({ of: `${count} assertions`, ...take }));
  });
}

function fillTakes(filled: Filled, count: number, rawSeconds: number, tasksMs: readonly number[]): Take[] {
  const limit = ['bare IndexedDB, same bytes', count / rawSeconds] as const;
  const { firstMs, tenthMs, visibleMs, frames } = filled;
  const perSecond = (1000 * count) / visibleMs;
  const unit = 'assertions/s';
  return [
    { name: 'join to all visible', unit, value: perSecond, limit, bar: atLeast(PER_SECOND) },
    ...(visibleMs > tenthMs
      ? [{ name: 'after the first tenth', unit, value: (900 * count) / (visibleMs - tenthMs), limit }]
      : []),
    { name: 'join to first visible', unit: 'ms', value: firstMs },
    { name: 'longest frame meanwhile', unit: 'ms', value: frames.longestMs, bar: atMost(FRAME_MS) },
    { name: 'longest task meanwhile', unit: 'ms', value: frames.longestTaskMs },
    { name: 'tasks over 50 ms', unit: '', value: frames.tasksOver50Ms },
    { name: 'longest task, CPU time', unit: 'ms', value: Math.max(...tasksMs), bar: atMost(FRAME_MS) },
    { name: 'CPU of the main thread', unit: 'µs each', value: (1000 * sum(tasksMs)) / count },
  ];
}

async function putTakes(page: BenchPage, context: Context, count: number): Promise<Take[]> {
  const { samples } = context;
  await page.call.puts('puts', 0, samples, 1); // The first ones compile.
  const raw = percentiles(await page.call.rawPuts(samples, ROW_BYTES)).p50;
  const alone = percentiles(
    await profiled(page, context, `puts-${count}`, () => page.call.puts('puts', samples, samples, 1)),
  );
  const [rawApart, apart] = (await page.call.putsApart(2 * samples, samples, ROW_BYTES)).map(percentiles);
  const rounds = Math.ceil(samples / 10);
  const together = percentiles(await page.call.puts('puts', 3 * samples, rounds, TOGETHER)).p50;
  const filled = percentiles(await page.call.puts('fill', count, samples, 1)).p50;
  const limit = ['bare strict transaction, back to back, p50', raw] as const;
  const bar = atMost(PUT_RATIO, 'ratio');
  return [
    { name: 'assert, back to back, p50', unit: 'ms', value: alone.p50, limit, bar },
    { name: 'assert, back to back, p99', unit: 'ms', value: alone.p99, limit },
    { name: 'assert, back to back, into the filled store, p50', unit: 'ms', value: filled, limit },
    {
      name: 'assert, with pauses, p50',
      unit: 'ms',
      value: apart?.p50 ?? Number.NaN,
      limit: ['bare strict transaction, by turns with them, p50', rawApart?.p50 ?? Number.NaN],
      bar,
    },
    {
      name: `assert, ${TOGETHER} at once`,
      unit: 'assertions/s',
      value: (1000 * TOGETHER) / together,
      limit: ['bare strict transactions, back to back', 1000 / raw],
      bar: atLeast(TOGETHER_PER_SECOND),
    },
  ];
}

interface BenchPage extends AsyncDisposable {
  readonly call: PageMethods;
  readonly devtools: CDPSession;
  /** The tasks of the page's main thread while the action runs, in ms of its CPU time. */
  tasksMs(action: () => Promise<unknown>): Promise<readonly number[]>;
}

async function openPage(): Promise<BenchPage> {
  const script = await buildPage();
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    // A page that is isolated has a clock of 5 µs instead of 100.
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  }).listen(0, '127.0.0.1');
  const executablePath = findChromium();
  const chrome = await chromium.launch({
    args: CHROMIUM_ARGS,
    ...(executablePath ? { executablePath } : {}),
  });
  const page = await chrome.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => 'bench' in globalThis);
  return {
    call: proxyOf(page),
    devtools: await page.context().newCDPSession(page),
    async tasksMs(action) {
      await chrome.startTracing(page, { categories: ['toplevel', '__metadata'] });
      await action();
      return tasksOf(JSON.parse((await chrome.stopTracing()).toString()) as Trace);
    },
    async [Symbol.asyncDispose]() {
      await chrome.close();
      server.close();
    },
  };
}

interface Trace {
  readonly traceEvents: readonly {
    readonly name: string;
    readonly pid: number;
    readonly tid: number;
    readonly tdur?: number;
    readonly args: { readonly name?: string };
  }[];
}

/** Of all main threads of renderers, that of the page is the busiest. */
function tasksOf({ traceEvents }: Trace): readonly number[] {
  const isMain = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}/${tid}`),
  );
  const tasksByThread = new Map<string, number[]>();
  for (const { name, pid, tid, tdur = 0 } of traceEvents) {
    const thread = `${pid}/${tid}`;
    if (!name.endsWith('RunTask') || !isMain.has(thread)) continue;
    const tasks = tasksByThread.get(thread) ?? [];
    tasksByThread.set(thread, tasks);
    tasks.push(tdur / 1000);
  }
  return [...tasksByThread.values()].sort((a, b) => sum(b) - sum(a))[0] ?? [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Each method of the page, to be called from here. */
function proxyOf(page: Page): PageMethods {
  return new Proxy({} as PageMethods, {
    get:
      (_, method: string) =>
      (...args: unknown[]) =>
        page.evaluate(
          ([name, given]) => {
            const { bench } = globalThis as unknown as {
              bench: Record<string, (...a: unknown[]) => unknown>;
            };
            return bench[name as string]?.(...(given as unknown[]));
          },
          [method, args] as const,
        ),
  });
}

/** Runs the action, with a CPU profile of the page's main thread where profiles are wanted. */
async function profiled<Result>(
  { devtools }: BenchPage,
  { profiles }: Context,
  name: string,
  action: () => Promise<Result>,
): Promise<Result> {
  if (profiles === undefined) return action();
  await devtools.send('Profiler.enable');
  await devtools.send('Profiler.setSamplingInterval', { interval: 200 });
  await devtools.send('Profiler.start');
  const result = await action();
  const { profile } = await devtools.send('Profiler.stop');
  await writeFile(join(profiles, `browser-${name}.cpuprofile`), JSON.stringify(profile));
  return result;
}

async function buildPage(): Promise<string> {
  const result = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      lib: { entry: join(import.meta.dirname, 'browser-page.ts'), formats: ['es'], fileName: 'page' },
    },
  });
  const [bundle] = result as { output: { code: string }[] }[];
  return bundle?.output[0]?.code ?? '';
}
