/** Real Chromium pages, a real Node peer in a process of its own, nothing in between but loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM_ARGS, findChromium } from '../../apps/setup/chromium.mjs';
import { limits } from '../base/limits.ts';
import type {} from './browser-network.page.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe('browsers', { timeout: 60_000 }, () => {
  let server: Server;
  let browser: Browser;
  let node: NodePeer | undefined;

  beforeAll(async () => {
    const script = await buildPage();
    server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
    }).listen(0, '127.0.0.1');
    const executablePath = findChromium();
    browser = await chromium.launch({ args: CHROMIUM_ARGS, ...(executablePath ? { executablePath } : {}) });
  }, 60_000);

  afterAll(async () => {
    node?.process.kill('SIGKILL');
    await browser?.close();
    server?.close();
  });

  const openPage = async (): Promise<Page> => {
    // A context of its own is a profile of its own.
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => window.peer !== undefined);
    return page;
  };

  it('meet directly through a Node peer, go on without it, and reserve again when it is back', async () => {
    node = await startNodePeer();
    const { webSocket } = node;
    const [a, b] = [await openPage(), await openPage()];
    const idOfA = await join(a, [webSocket]);
    const idOfB = await join(b, [webSocket]);
    const joinedAtMs = performance.now();
    await Promise.all([isDirect(a, idOfB), isDirect(b, idOfA)]);
    expect(performance.now() - joinedAtMs).toBeLessThan(5000);
    expect(await echo(a, idOfB, 300)).toBe(300);
    expect(await echo(b, idOfA, limits.frameBytesMax)).toBe(limits.frameBytesMax);

    node.process.kill('SIGKILL');
    await Promise.all([hasPeers(a, 1), hasPeers(b, 1)]);
    await Promise.all([hasAddresses(a, false), hasAddresses(b, false)]);
    await follows(a, idOfB);
    await publish(a, 42);
    await b.waitForFunction(() => window.peer.inbox?.includes(42));
    expect(await echo(b, idOfA, 300)).toBe(300);

    node = await startNodePeer(node.webSocketPort);
    await Promise.all([hasAddresses(a, true), hasAddresses(b, true)]);
    const c = await openPage();
    const idOfC = await join(c, [node.webSocket]);
    await Promise.all([isDirect(a, idOfC), isDirect(b, idOfC), isDirect(c, idOfA)]);
    await Promise.all([a, b, c].map((page) => page.context().close()));
    await stopNodePeer(node);
  });

  it('meet when one of them came by WebRTC-direct and the other by WebSocket', async () => {
    node = await startNodePeer();
    const [a, b] = [await openPage(), await openPage()];
    const idOfA = await join(a, [node.webRtcDirect]);
    const idOfB = await join(b, [node.webSocket]);
    await Promise.all([isDirect(a, idOfB), isDirect(b, idOfA)]);
    await follows(b, idOfA);
    await publish(b, 7);
    await a.waitForFunction(() => window.peer.inbox?.includes(7));
    await Promise.all([a, b].map((page) => page.context().close()));
    await stopNodePeer(node);
  });
});

interface NodePeer {
  readonly process: ChildProcess;
  readonly webSocket: string;
  readonly webSocketPort: number;
  readonly webRtcDirect: string;
}

async function startNodePeer(port = 0): Promise<NodePeer> {
  const child = spawn(process.execPath, [here('node-peer.fixture.ts'), String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const addresses = JSON.parse(line.toString()) as string[];
  const webSocket = addresses.find((address) => address.includes('/ws/')) ?? '';
  return {
    process: child,
    webSocket,
    webSocketPort: Number(/\/tcp\/(\d+)/.exec(webSocket)?.[1]),
    webRtcDirect: addresses.find((address) => address.includes('/webrtc-direct/')) ?? '',
  };
}

/** Asks for an orderly end; the process must then end by itself, so nothing was left open. */
async function stopNodePeer(peer: NodePeer): Promise<void> {
  const ended = once(peer.process, 'exit');
  peer.process.stdin?.end();
  expect(await ended).toEqual([0, null]);
}

async function buildPage(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      minify: false,
      lib: { entry: here('browser-network.page.ts'), formats: ['es'], fileName: 'page' },
    },
  });
  const [bundle] = result as { output: { code: string }[] }[];
  return bundle?.output[0]?.code ?? '';
}

function join(page: Page, addresses: readonly string[]): Promise<string> {
  return page.evaluate((all) => window.peer.join?.(all, 'facts') ?? '', addresses);
}

function echo(page: Page, peerId: string, bytes: number): Promise<number> {
  return page.evaluate(([to, size]) => window.peer.echo?.(to, size) ?? -1, [peerId, bytes] as const);
}

function publish(page: Page, byte: number): Promise<number | undefined> {
  return page.evaluate((first) => window.peer.network?.publish('facts', new Uint8Array([first])), byte);
}

function isDirect(page: Page, peerId: string) {
  return page.waitForFunction(
    (id) =>
      window.peer.network
        ?.peers()
        .some((peer) => peer.id === id && peer.transport === 'webrtc' && !peer.relayed),
    peerId,
  );
}

function follows(page: Page, peerId: string) {
  return page.waitForFunction((id) => window.peer.network?.subscribers('facts').includes(id), peerId);
}

function hasPeers(page: Page, count: number) {
  return page.waitForFunction((wanted) => window.peer.network?.peers().length === wanted, count);
}

function hasAddresses(page: Page, wanted: boolean) {
  return page.waitForFunction((any) => (window.peer.network?.addresses().length !== 0) === any, wanted);
}
