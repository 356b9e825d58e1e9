/** `watch`: the facts that there are, then every change, until interrupted. */
import type { Fact, WatchEvent } from '../../../src/peer/api.ts';
import { factToJson } from '../json.ts';
import type { Context } from './context.ts';
import { queryOptions, toQuery } from './fact-commands.ts';
import { parseCount, shortId, timeText, valueText } from './format.ts';
import { printable } from './output.ts';
import type { AddCommand, Options } from './program.ts';

export function addWatchCommand(add: AddCommand): void {
  add({
    usage: 'watch',
    summary: 'Show facts, and then each new one as it comes, until interrupted.',
    ofSpace: true,
    options: (command) =>
      queryOptions(command)
        .option('--new-only', 'leave out what is there already')
        .option('--count <count>', 'end after so many new facts'),
    examples: [
      'aver watch',
      "aver watch --subject 'sensor/*' --new-only",
      'aver watch --predicate price --json | jq .fact.object',
    ],
    run: watch,
  });
}

async function watch(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const query = toQuery(context, options);
  const countMax = typeof options.count === 'string' ? parseCount(options.count, '--count') : Infinity;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const follower = new Follower(context, options.newOnly === true, countMax);
  await context.useSpace(
    async (space) => {
      for await (const event of space.watch(query, { signal })) {
        if (await follower.take(event)) break;
      }
      stop.abort();
    },
    { online: true },
  );
}

class Follower {
  readonly #context: Context;
  readonly #newOnly: boolean;
  #left: number;
  #live = false;

  constructor(context: Context, newOnly: boolean, countMax: number) {
    this.#context = context;
    this.#newOnly = newOnly;
    this.#left = countMax;
  }

  /** Prints one event; true when enough was seen. */
  async take(event: WatchEvent): Promise<boolean> {
    const { out } = this.#context;
    switch (event.type) {
      case 'snapshot':
        if (this.#live) {
          // We read too slowly; what came meanwhile is told by a new snapshot.
          this.#live = false;
          out.note({ event: 'restart' }, '– fell behind; starting again –');
        }
        if (!this.#newOnly) for (const fact of event.facts) await this.#print('snapshot', fact);
        if (event.complete) {
          this.#live = true;
          if (out.json) await out.line('{"event":"live"}');
          else out.message('– live –');
        }
        return this.#left <= 0;
      case 'facts':
        for (const fact of event.facts) {
          await this.#print('fact', fact);
          if (--this.#left <= 0) return true;
        }
        return false;
      case 'erased':
        for (const id of event.ids) {
          await out.line(out.json ? JSON.stringify({ event: 'erased', id }) : `erased  ${id}`);
        }
        return false;
    }
  }

  async #print(event: 'snapshot' | 'fact', fact: Fact): Promise<void> {
    const { out } = this.#context;
    if (out.json) return out.line(JSON.stringify({ event, fact: factToJson(fact) }));
    const parts = [fact.subject, fact.predicate, valueText(fact.object)].map(printable);
    await out.line([timeText(fact.timeMs), shortId(fact.author), ...parts].join('  '));
  }
}
