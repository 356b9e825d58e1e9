/** What peers say to each other while nobody writes. */
import { setTimeout } from 'node:timers/promises';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import type { CrowdMethods } from './crowd-process.ts';
import { atMost, type Take } from './figure.ts';
import { type Remote, startProcess } from './remote.ts';

const PEERS = [2, 12] as const;
const BYTES_PER_SECOND = 100;

export const quiet: Bench = {
  name: 'quiet',
  about: 'bytes of one connection’s sockets, both ways, after as long a time in which nobody wrote either',
  once: true,
  async run(context) {
    const takes: Take[] = [];
    for (const count of PEERS) {
      const [own, bare] = await Promise.all([
        measure(context, count, (crowd) => crowd.together(count)),
        measure(context, count, (crowd) => crowd.bare(count)),
      ]);
      takes.push(
        {
          name: `${count} peers`,
          unit: 'B/s per connected peer',
          value: own,
          // In a second or two bare nodes may say nothing at all.
          ...(bare > 0 ? { limit: ['bare libp2p, gossipsub and all', bare] as const } : {}),
          bar: atMost(BYTES_PER_SECOND),
        },
        { name: `${count} peers, what of it is Aver’s`, unit: 'B/s per connected peer', value: own - bare },
      );
    }
    return takes;
  },
};

async function measure(
  context: Context,
  count: number,
  start: (crowd: Remote<CrowdMethods>) => Promise<void>,
): Promise<number> {
  return scoped(startProcess<CrowdMethods>('crowd-process.ts', context), async ({ call }) => {
    await start(call);
    // Greetings and comparisons are over by then, and quiet has slowed down what goes on.
    await setTimeout(context.quietSeconds * 1000);
    const before = await call.socketBytes();
    await setTimeout(context.quietSeconds * 1000);
    const after = await call.socketBytes();
    await call.stop();
    // All ends are in one process: what one socket wrote, another has read.
    const connections = (count * (count - 1)) / 2;
    return (after.written - before.written) / connections / context.quietSeconds;
  });
}
