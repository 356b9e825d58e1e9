/** `spaces`, `create`, `invite`, `join`. */
import { renderUnicodeCompact } from 'uqr';
import { AverError } from '../../../src/base/errors.ts';
import type { InviteOptions, Peer, SpaceStatus } from '../../../src/peer/api.ts';
import type { Reached } from '../with-peer.ts';
import type { Context } from './context.ts';
import { parseDuration, shortId, timeText } from './format.ts';
import type { AddCommand, Options } from './program.ts';

export function addSpaceCommands(add: AddCommand): void {
  add({
    usage: 'spaces',
    summary: 'List the spaces that are here.',
    examples: ['aver spaces', 'aver spaces --json'],
    run: spaces,
  });
  add({
    usage: 'create <name>',
    summary: 'Make a new space.',
    options: (command) =>
      command
        .option('--write <who>', 'open (everybody) or invited', 'open')
        .option('--read <who>', 'open (everybody) or secret (who has an invite)', 'open'),
    examples: ['aver create recipes', 'aver create team --write invited --read secret'],
    run: create,
  });
  add({
    usage: 'invite',
    summary: 'Make a link that lets somebody join a space.',
    ofSpace: true,
    options: (command) =>
      command
        .option('--ttl <time>', 'how long it is good for: 12h, 7d', '7d')
        .option('--author <key>', 'in an invited space: let this author key write')
        .option('--read-only', 'in an invited space: let them read only')
        .option('--base <url>', 'the page that the link opens')
        .option('--address <address...>', 'where to find a peer (default: this one)')
        .option('--qr', 'show it as a QR code too'),
    examples: ['aver invite', 'aver invite --space team --ttl 1d --qr', 'aver invite --json | jq -r .text'],
    run: invite,
  });
  add({
    usage: 'join <invite>',
    summary: 'Join a space by an invite: the link, or the text after its #.',
    examples: ["aver join 'http://localhost:8080/#…'", "aver join 'http://…/#…' --data ./peer-b"],
    run: join,
  });
}

async function spaces(context: Context): Promise<void> {
  await context.usePeer(async (peer) => {
    const all: readonly SpaceStatus[] = await Promise.all(
      (await peer.spaces()).map((space) => space.status()),
    );
    const { out } = context;
    const head = ['SPACE', 'ID', 'WRITE', 'READ', 'ASSERTIONS', 'AUTHORS'];
    const rows = all.map((space) => [
      space.name,
      space.id,
      space.write,
      space.read,
      String(space.assertions),
      String(space.authors),
    ]);
    const value = all.map(({ peers: _peers, ...rest }) => rest);
    await out.result(value, () => out.table(head, rows));
  });
}

async function create(context: Context, args: readonly string[], options: Options): Promise<void> {
  const [name = ''] = args;
  const write = oneOf(options.write, ['open', 'invited'], '--write');
  const read = oneOf(options.read, ['open', 'secret'], '--read');
  await context.usePeer(async (peer) => {
    const space = await peer.create({ name, write, read });
    await context.out.result({ id: space.id, name: space.name, write, read }, () => space.id);
    context.out.message(`Made ${space.name}. Write to it with --space ${shortId(space.id)}.`);
  });
}

function oneOf<T extends string>(given: unknown, known: readonly T[], flag: string): T {
  const found = known.find((item) => item === given);
  if (found !== undefined) return found;
  throw new AverError('BAD_INPUT', `${flag}: expected ${known.join(' or ')}, got "${String(given)}".`);
}

async function invite(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const { out } = context;
  await context.useSpace(async (space, _peer, reached) => {
    const made = await space.invite(inviteOptions(context, options, reached));
    const link = options.qr === true ? `${made.link}\n\n${renderUnicodeCompact(made.link)}` : made.link;
    await out.result(made, () => link);
    const grants = made.grants.write ? 'to read and write' : 'to read';
    out.message(`Lets who has it join ${made.name}, ${grants}, until ${timeText(made.expiresAtMs)}.`);
    if (reached.running === undefined) {
      out.message('No peer runs here: whoever joins finds nobody until you "aver start".');
    }
  });
}

function inviteOptions({ config }: Context, options: Options, { running }: Reached): InviteOptions {
  const local = running === undefined ? `http://localhost:${config.port}` : localName(running.url);
  const { author, base, address } = options;
  if (author !== undefined && !/^[0-9a-f]{64}$/.test(String(author))) {
    throw new AverError('BAD_INPUT', '--author: expected an author key, 64 hex digits.');
  }
  return {
    ttlMs: parseDuration(String(options.ttl), '--ttl'),
    base: typeof base === 'string' ? base : `${local}/`,
    ...(author === undefined ? {} : { author: String(author) }),
    ...(Array.isArray(address) ? { addresses: address as readonly string[] } : {}),
    ...(options.readOnly === true ? { readOnly: true } : {}),
  };
}

/** The same origin that `start` prints: a browser keeps data for each origin apart. */
function localName(url: string): string {
  return url.replace('//127.0.0.1', '//localhost').replace('//[::1]', '//localhost');
}

async function join(context: Context, args: readonly string[]): Promise<void> {
  const [text = ''] = args;
  const use = async (peer: Peer, { running }: Reached): Promise<void> => {
    const space = await peer.open(text, { signal: context.signal });
    const { author, mayWrite } = await space.status();
    const { out } = context;
    await out.result({ id: space.id, name: space.name, author, mayWrite }, () => space.id);
    const next = running === undefined ? 'It syncs while "aver start" runs.' : 'It syncs now.';
    out.message(`Joined ${space.name}${mayWrite ? '' : ' (to read only)'}. ${next}`);
  };
  // A peer whose first space is the one it was invited to needs none of its own.
  await context.usePeer(use, { first: true });
}
