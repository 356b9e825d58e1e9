/** `repair`: a damaged store is rebuilt, and peers give again what it lost. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AverError } from '../../../src/base/errors.ts';
import type { Repair } from '../../../src/node-health.ts';
import type { Peer, Space, SpaceStatus } from '../../../src/peer/api.ts';
import type { Context } from './context.ts';
import { countText, parseDuration, shortId } from './format.ts';
import { alone, auditText, progressOf } from './health.ts';
import type { AddCommand, Options } from './program.ts';

/** How often a space is asked whether it is behind. */
const LOOK_MS = 100;
const TIMEOUT_DEFAULT = '30s';

/** What a space got back. */
interface Healed {
  readonly space: string;
  readonly name: string;
  readonly assertions: number;
  /** Assertions that came from peers. */
  readonly back: number;
  /** Peers that hold no more than is here now. */
  readonly peers: number;
}

export function addRepairCommand(add: AddCommand): void {
  add({
    usage: 'repair',
    summary: 'Rebuild a damaged store of what is sound, and fetch what is lost from peers. No peer may run.',
    options: (command) =>
      command
        .option('--peer <address>', 'a peer to ask, besides those known (may be repeated)', collect, [])
        .option('--offline', 'rebuild only; what is lost comes when the peer runs again')
        .option('--timeout <time>', `how long to ask peers (default: ${TIMEOUT_DEFAULT})`),
    examples: [
      'aver repair',
      'aver repair --peer /ip4/192.0.2.7/tcp/4410/p2p/12D3KooW…',
      'aver repair --offline --json',
    ],
    run: repair,
  });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function repair(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const { out, config, signal, log } = context;
  const timeoutMs = parseDuration(String(options.timeout ?? TIMEOUT_DEFAULT), '--timeout');
  const { repairDirectory } = await import('../../../src/node-health.ts');
  const onProgress = progressOf(context, 'looked at');
  const done = await alone(context, () => repairDirectory(config.dataDir, { onProgress, signal, log }));
  const isLossless = done.audit.damaged === 0 && done.unopened === undefined;
  const asked = options.peer as readonly string[];
  const isOffline = options.offline === true || (isLossless && asked.length === 0);
  const healed = isOffline ? [] : await askPeers(context, done, asked, timeoutMs);
  const value = { data: config.dataDir, ...done, healed };
  await out.result(value, () => repairText(context, done, healed));
  tellOfKeys(context, done);
  if (isLossless || isOffline) return;
  const unmet = healed.filter(({ peers }) => peers === 0).map(({ name }) => name);
  if (unmet.length === 0) return;
  throw new AverError(
    'NO_PEER',
    `No peer answered for ${unmet.join(', ')}: what is lost there comes back when the peer meets one that has it.`,
  );
}

/** Until every space has met a peer, and holds all that its peers hold. */
async function askPeers(
  context: Context,
  { rebuilt }: Repair,
  addresses: readonly string[],
  timeoutMs: number,
): Promise<Healed[]> {
  const { out, signal } = context;
  out.message('Asking peers for what is lost …');
  return context.usePeer(
    async (peer) => {
      const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      for (const address of addresses) await connect(context, peer, address, stop);
      const spaces = await peer.spaces();
      const before = await Promise.all(spaces.map((space) => space.status()));
      return Promise.all(
        spaces.map(async (space, i): Promise<Healed> => {
          const { assertions, peers } = await untilEqual(space, stop);
          const kept = rebuilt.find((one) => one.space === space.id);
          // The statement that ties a new author key to the old one is in the count, but did not come back.
          const from = kept === undefined ? (before[i] as SpaceStatus).assertions : kept.after;
          const met = peers.filter(({ relation }) => relation !== 'unknown').length;
          return { space: space.id, name: space.name, assertions, back: assertions - from, peers: met };
        }),
      );
    },
    { online: true },
  );
}

async function connect({ out }: Context, peer: Peer, address: string, signal: AbortSignal): Promise<void> {
  try {
    await peer.connect(address, { signal });
  } catch (error) {
    // Others may have what is lost.
    out.error(error);
  }
}

async function untilEqual(space: Space, stop: AbortSignal): Promise<SpaceStatus> {
  for (;;) {
    await space.sync({ signal: stop }).catch(() => undefined);
    const status = await space.status();
    const isDone = status.peers.some(({ relation }) => relation !== 'unknown') && !status.behind;
    if (isDone || stop.aborted) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** For `start --repair`, of a store that did not open: what is lost comes back when the peer runs. */
export async function repairFirst(context: Context, why: AverError): Promise<void> {
  const { config, signal, log, out } = context;
  // Nobody looks: what the repair before this one put aside may be all that is left of something.
  if (existsSync(join(config.dataDir, 'store.damaged'))) throw why;
  out.error(why);
  const { repairDirectory } = await import('../../../src/node-health.ts');
  const done = await repairDirectory(config.dataDir, { signal, log });
  out.note({ event: 'repaired', ...done }, repairText(context, done, []));
  tellOfKeys(context, done);
}

function repairText(
  context: Context,
  { audit, unopened, rebuilt, aside }: Repair,
  healed: readonly Healed[],
): string {
  if (aside === undefined) return `${auditText(context, audit)}\nNothing is damaged; nothing was changed.`;
  const lines = rebuilt.map(({ name, space, kept, lost, newAuthor }) => {
    const gone = lost === undefined ? 'what else there was is not known' : `${lost} lost`;
    const back = healed.find((one) => one.space === space);
    const came = back === undefined ? '' : `, ${back.back} came back from ${countText(back.peers, 'peer')}`;
    const key = newAuthor ? '; goes on under a new author key' : '';
    return `${name} (${shortId(space)}): ${countText(kept, 'assertion')} kept, ${gone}${came}${key}`;
  });
  return [
    ...(unopened === undefined ? [] : [`The store did not open: ${unopened}`]),
    auditText(context, audit),
    'Rebuilt:',
    ...lines.map((line) => `  ${line}`),
    `The damaged store is kept in ${aside}; remove it when nothing is missing.`,
  ].join('\n');
}

function tellOfKeys({ out }: Context, { rebuilt }: Repair): void {
  const renewed = rebuilt.filter(({ newAuthor, mayWrite }) => newAuthor && !mayWrite);
  if (renewed.length === 0) return;
  const names = renewed.map(({ name }) => name).join(', ');
  out.message(
    `To write in ${names}, the new author key needs an invite of its own: on the old one the chain would fork.`,
  );
}
