/** `status`, `peers`, `connect`: how this peer stands to the others. */
import { AverError } from '../../../src/base/errors.ts';
import type { PeerInfo, PeerStatus, SpaceStatus } from '../../../src/peer/api.ts';
import type { Reached } from '../with-peer.ts';
import type { Context } from './context.ts';
import { bytesText, shortId, shortPeerId, timeText } from './format.ts';
import type { Output } from './output.ts';
import type { AddCommand } from './program.ts';

export function addPeerCommands(add: AddCommand): void {
  add({
    usage: 'status',
    summary: 'Show the peer, its spaces, and whether it is behind anybody.',
    examples: ['aver status', 'aver status --json | jq .spaces[].root'],
    run: status,
  });
  add({
    usage: 'peers',
    summary: 'List connected peers, and whether they hold the same.',
    ofSpace: true,
    examples: ['aver peers', 'aver peers --space team --json'],
    run: peers,
  });
  add({
    usage: 'connect <address>',
    summary: 'Connect the running peer to an address, and keep it connected.',
    examples: ['aver connect /ip4/192.0.2.7/tcp/4410/p2p/12D3KooW…'],
    run: connect,
  });
}

async function status(context: Context): Promise<void> {
  await context.usePeer(async (peer, { running }) => {
    const info = await peer.info();
    const spaces = await Promise.all((await peer.spaces()).map((space) => space.status()));
    const { out, config } = context;
    const value = { running: running ?? null, data: config.dataDir, info, spaces };
    await out.result(value, () => statusText(out, config.dataDir, running, info, spaces));
    for (const { code, message, advice } of info.problems) {
      out.message(`${out.style('yellow', `problem ${code}`)}: ${message} ${advice}`);
    }
  });
}

function statusText(
  out: Output,
  dataDir: string,
  running: Reached['running'],
  info: PeerInfo,
  spaces: readonly SpaceStatus[],
): string {
  const { storage, clock } = info;
  const used = storage.usedBytes === undefined ? '' : `, ${bytesText(storage.usedBytes)}`;
  const rows = [
    ['peer', info.peerId],
    ['running', running === undefined ? 'no (the store was opened for this command)' : running.url],
    ['data', `${dataDir} (${storage.kind}${used})`],
    ...(clock.skewMs === undefined ? [] : [['clock', `${Math.round(clock.skewMs)} ms from the other peers`]]),
    ...info.addresses.map((address, i) => [i === 0 ? 'listens' : '', address]),
  ];
  const head = ['SPACE', 'ID', 'ACCESS', 'ASSERTIONS', 'AUTHORS', 'PEERS', 'STATE', 'ROOT'];
  const table = out.table(head, spaces.map(spaceRow));
  const layout = out.layout(rows);
  return `${rows.map(layout).join('\n')}\n\n${spaces.length === 0 ? 'No space yet.' : table}`;
}

function spaceRow(space: SpaceStatus): readonly string[] {
  const equal = space.peers.filter((peer) => peer.relation === 'equal').length;
  return [
    space.name,
    shortId(space.id),
    `${space.write}/${space.read}${space.mayWrite ? '' : ' (read only)'}`,
    String(space.assertions),
    String(space.authors),
    `${equal} of ${space.peers.length} equal`,
    stateText(space),
    shortId(space.root),
  ];
}

function stateText(space: SpaceStatus): string {
  const parts = [
    space.behind ? 'behind' : space.peers.length === 0 ? 'alone' : 'up to date',
    ...(space.pending > 0 ? [`${space.pending} pending`] : []),
    ...(space.held > 0 ? [`${space.held} held`] : []),
    ...(space.quarantined > 0 ? [`${space.quarantined} refused`] : []),
  ];
  return parts.join(', ');
}

async function peers(context: Context): Promise<void> {
  await context.usePeer(async (peer, { running }) => {
    if (running === undefined) throw noRunningPeer(context.config.dataDir);
    const connected = await peer.peers();
    const asked = context.config.source('space') !== 'default';
    const spaces = (await peer.spaces()).filter(
      ({ name, id }) => !asked || name === context.config.space || id.startsWith(context.config.space),
    );
    const statuses = await Promise.all(spaces.map((space) => space.status()));
    const { out } = context;
    const relationsOf = (id: string): readonly { space: string; status: PeerStatus }[] =>
      statuses.flatMap(({ name, peers: known }) =>
        known.filter((one) => one.id === id).map((one) => ({ space: name, status: one })),
      );
    const value = connected.map((one) => ({
      ...one,
      spaces: relationsOf(one.id).map(({ space, status: { relation, lacks, leads, root, count } }) => ({
        space,
        relation,
        lacks,
        leads,
        root,
        count,
      })),
    }));
    const rows = connected.map((one) => [
      shortPeerId(one.id),
      `${one.transport}${one.relayed ? ' (relayed)' : ''}`,
      one.direction,
      one.roundTripMs === undefined ? '–' : `${one.roundTripMs.toFixed(1)} ms`,
      relationsOf(one.id).map(relationText).join('; ') || '–',
      one.address,
    ]);
    await out.result(value, () => out.table(['PEER', 'BY', 'WAY', 'ROUND TRIP', 'SPACES', 'ADDRESS'], rows));
    if (connected.length === 0) out.message('No peer is connected.');
  });
}

function relationText({ space, status }: { space: string; status: PeerStatus }): string {
  const behind = status.lacks > 0 ? `, lacks ${status.lacks}` : '';
  const ahead = status.leads > 0 ? `, leads by ${status.leads}` : '';
  const when = status.comparedAtMs === undefined ? '' : ` at ${timeText(status.comparedAtMs)}`;
  return `${space}: ${status.relation}${behind}${ahead}${when}`;
}

async function connect(context: Context, args: readonly string[]): Promise<void> {
  const [address = ''] = args;
  await context.usePeer(async (peer, { running }) => {
    if (running === undefined) throw noRunningPeer(context.config.dataDir);
    const peerId = await peer.connect(address, { signal: context.signal });
    await context.out.result({ peerId }, () => peerId);
    context.out.message('Connected, and kept connected while the peer runs.');
  });
}

function noRunningPeer(dataDir: string): AverError {
  return new AverError('NO_PEER', `No peer runs on ${dataDir}; start one with "aver start".`);
}
