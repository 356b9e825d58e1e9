/** `put`, `get`, `query`. */
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { AssertReceipt, ClaimInput, Fact, Query, Space } from '../../../src/peer/api.ts';
import { textToValue } from '../import/literal.ts';
import { factToJson, resolutionToJson } from '../json.ts';
import type { Context } from './context.ts';
import {
  countText,
  FACT_HEAD,
  factRow,
  parseCount,
  parseDuration,
  parseTime,
  shortId,
  valueText,
} from './format.ts';
import type { AddCommand, CommandSpec, Options } from './program.ts';

/** A wait that is longer is announced. */
const WAIT_SAID_AFTER_MS = 1000;

export function addFactCommands(add: AddCommand): void {
  add({
    usage: 'put <subject> <predicate> <object>',
    summary: 'Write one fact; done when it is durable here.',
    ofSpace: true,
    options: (command) =>
      command
        .option('-c, --confidence <number>', 'how sure you are, from 0 to 1', '1')
        .option('--text', 'take the object as text, even if it looks like a number or JSON')
        .option('--replicas <count>', 'wait until so many other peers hold it too')
        .option('--timeout <time>', 'how long to wait for them', '30s'),
    examples: [
      'aver put earth shape round',
      'aver put earth radius-km 6371 --confidence 0.9',
      'aver put alice likes \'["tea","rain"]\'',
      'aver put door state open --replicas 1 --timeout 10s',
    ],
    run: put,
  });
  add({
    usage: 'get <subject> <predicate>',
    summary: 'Show the fact that wins for a subject and a predicate.',
    ofSpace: true,
    options: (command) =>
      command
        .option('--all', 'show every competing fact, the winner first')
        .option('--lens <name>', 'what chooses between competing facts (default: latest)'),
    examples: ['aver get earth shape', 'aver get earth shape --all', 'aver get earth radius-km --json'],
    run: get,
  });
  add({
    usage: 'query',
    summary: 'List facts.',
    ofSpace: true,
    options: (command) =>
      queryOptions(command)
        .option('--order <order>', 'subject, hlc (time of writing) or arrival', 'subject')
        .option('--reverse', 'the other way round')
        .option('-n, --limit <count>', 'at most so many'),
    examples: [
      'aver query --subject earth',
      "aver query --subject 'npm/*' --predicate licence --json | wc -l",
      'aver query --since 1h --order hlc --reverse --limit 20',
    ],
    run: query,
  });
}

export const queryOptions: NonNullable<CommandSpec['options']> = (command) =>
  command
    .option('--subject <subject>', 'this subject; with a * at its end all that begin so')
    .option('--predicate <predicate>', 'this predicate')
    .option('--author <key>', 'this author key, in hex')
    .option('--since <time>', 'a date, or how long ago: 2h, 7d')
    .option('--until <time>', 'a date, or how long ago');

async function put(context: Context, args: readonly string[], options: Options): Promise<void> {
  const claim = toClaim(args, options);
  const { out } = context;
  await context.useSpace(
    async (space) => {
      const receipt = await space.assert(claim, { signal: context.signal });
      if (receipt.warning !== undefined) {
        out.note({ warning: receipt.warning }, `warning ${receipt.warning.code}: ${receipt.warning.message}`);
      }
      const replicas = await replicate(context, space, options, receipt);
      const more = replicas === undefined ? '' : `, and held by ${countText(replicas.length, 'other peer')}`;
      await out.result(
        { space: space.id, ...receipt, ...(replicas === undefined ? {} : { replicas }) },
        () => receipt.id,
      );
      out.message(
        `Written to ${space.name} as ${shortId(receipt.author)}/${receipt.seq}, durable here${more}.`,
      );
    },
    { online: options.replicas !== undefined },
  );
}

function toClaim(args: readonly string[], options: Options): ClaimInput {
  const [subject = '', predicate = '', object = ''] = args;
  const confidence = Number(options.confidence);
  if (!(confidence >= 0 && confidence <= 1)) {
    throw new AverError(
      'BAD_INPUT',
      `--confidence: expected a number from 0 to 1, got "${options.confidence}".`,
    );
  }
  return { subject, predicate, object: options.text === true ? object : textToValue(object), confidence };
}

async function replicate(
  { signal, out }: Context,
  space: Space,
  options: Options,
  receipt: AssertReceipt,
): Promise<readonly string[] | undefined> {
  if (typeof options.replicas !== 'string') return undefined;
  const replicas = parseCount(options.replicas, '--replicas');
  const timeoutMs = parseDuration(String(options.timeout), '--timeout');
  const others = countText(replicas, 'other peer');
  // Said only where it may take a while: a peer that is connected answers at once.
  const patience = setTimeout(
    () => out.message(`Durable here; waiting for ${others}, at most ${options.timeout} …`),
    WAIT_SAID_AFTER_MS,
  );
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return (await space.settled({ replicas, signal: AbortSignal.any([signal, deadline]) })).replicas;
  } catch (error) {
    if (!deadline.aborted) throw error;
    const message = `The fact is durable here (${shortId(receipt.id)}), but ${others} did not confirm it within ${options.timeout}.`;
    throw new AverError('TIMEOUT', message, { cause: error, fields: { id: receipt.id, seq: receipt.seq } });
  } finally {
    clearTimeout(patience);
  }
}

async function get(context: Context, args: readonly string[], options: Options): Promise<void> {
  const [subject = '', predicate = ''] = args;
  await context.useSpace(async (space) => {
    const lens = typeof options.lens === 'string' ? { lens: options.lens } : {};
    const resolution = await space.get(subject, predicate, { signal: context.signal, ...lens });
    const { winner, candidates } = resolution;
    if (winner === undefined) {
      throw new AverError(
        'NOT_FOUND',
        `Nobody says anything about ${subject} ${predicate} in ${space.name}.`,
      );
    }
    const { out } = context;
    await out.result(resolutionToJson(resolution), () =>
      options.all === true ? out.table(FACT_HEAD, candidates.map(factRow)) : valueText(winner.object),
    );
    if (candidates.length > 1 && options.all !== true) {
      out.message(`${candidates.length} facts compete (lens: ${resolution.lens}); see them with --all.`);
    }
  });
}

async function query(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const wanted = toQuery(context, options);
  await context.useSpace(async (space) => {
    const count = await printFacts(context, space.query(wanted, { signal: context.signal }));
    context.out.message(countText(count, 'fact'));
  });
}

export function toQuery(context: Context, options: Options): Query {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const time = (name: string): number | undefined => {
    const value = text(name);
    return value === undefined ? undefined : parseTime(value, `--${name}`, context.io.nowMs());
  };
  const order = text('order');
  if (order !== undefined && !['subject', 'hlc', 'arrival'].includes(order)) {
    throw new AverError('BAD_INPUT', `--order: expected subject, hlc or arrival, got "${order}".`);
  }
  const author = text('author');
  if (author !== undefined && !/^[0-9a-f]{64}$/.test(author)) {
    throw new AverError('BAD_INPUT', '--author: expected an author key, 64 hex digits.');
  }
  const limit = text('limit');
  const parts = {
    subject: text('subject'),
    predicate: text('predicate'),
    author,
    sinceMs: time('since'),
    untilMs: time('until'),
    order,
    reverse: options.reverse === true ? true : undefined,
    limit: limit === undefined ? undefined : parseCount(limit, '--limit'),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) as Query;
}

/** Prints facts as they come; the first page decides how wide the columns are. */
async function printFacts({ out }: Context, facts: AsyncIterable<Fact>): Promise<number> {
  let count = 0;
  let page: (readonly string[])[] | undefined = [];
  let layout: ((row: readonly string[]) => string) | undefined;
  const flush = async (rows: readonly (readonly string[])[]): Promise<void> => {
    layout = out.layout([FACT_HEAD, ...rows]);
    page = undefined;
    if (rows.length > 0) await out.line(out.style('bold', layout(FACT_HEAD)));
    for (const row of rows) await out.line(layout(row));
  };
  for await (const fact of facts) {
    count++;
    if (out.json) await out.line(JSON.stringify(factToJson(fact)));
    else if (page === undefined) await out.line(layout?.(factRow(fact)) ?? '');
    else if (page.push(factRow(fact)) >= limits.pageRowsMax) await flush(page);
  }
  if (page !== undefined && !out.json) await flush(page);
  return count;
}
