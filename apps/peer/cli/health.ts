/** What `verify` and `repair` have in common: the store for themselves, progress, and how an audit reads. */
import { AverError } from '../../../src/base/errors.ts';
import type { StoreAudit } from '../../../src/node-health.ts';
import type { AuditProgress } from '../../../src/peer/audit-store.ts';
import type { Damage } from '../../../src/set/damage.ts';
import { openDataDir } from '../data-dir.ts';
import { onStore } from '../with-peer.ts';
import type { Context } from './context.ts';
import { shortId } from './format.ts';
import { lockedBy } from './start-commands.ts';

/** A line of progress at most so often. */
const PROGRESS_EVERY_MS = 2000;

/** Runs what needs the store for itself. Waits for a short command, but not for a peer. */
export async function alone<T>({ config }: Context, action: () => Promise<T>): Promise<T> {
  const { dataDir } = config;
  if (!openDataDir(dataDir).exists())
    throw new AverError('NOT_FOUND', `There is no data directory ${dataDir}.`);
  return onStore(dataDir, action, async (running) => {
    throw lockedBy(dataDir, running);
  });
}

export function progressOf({ out, io }: Context, what: string): (progress: AuditProgress) => void {
  let shownMs = io.nowMs();
  return ({ space, runs, all }) => {
    if (io.nowMs() - shownMs < PROGRESS_EVERY_MS) return;
    shownMs = io.nowMs();
    out.message(`${space}: ${runs}${all === undefined ? '' : ` of ${all}`} runs ${what}`);
  };
}

export function auditText({ out }: Context, { spaces, damage }: StoreAudit): string {
  const head = ['SPACE', 'ID', 'RUNS', 'ASSERTIONS', 'CLAIMS', 'DAMAGED', 'ROOT OF WHAT IS SOUND'];
  const rows = spaces.map((each) => [
    each.name,
    shortId(each.space),
    String(each.runs),
    String(each.assertions),
    String(each.claims),
    String(each.damaged),
    shortId(each.root),
  ]);
  const found = [
    ...damage.map((one) => damageText('', one)),
    ...spaces.flatMap((space) => [
      ...space.damage.map((one) => damageText(`${space.name} `, one)),
      ...(space.damaged > space.damage.length ? [`${space.name} … and more`] : []),
    ]),
  ];
  return [out.table(head, rows), ...found].join('\n');
}

function damageText(
  space: string,
  { code, message, arrival, runs = 1, author, firstSeq, lastSeq }: Damage,
): string {
  const last = arrival === undefined || runs === 1 ? '' : `–${arrival + runs - 1}`;
  const where = arrival === undefined ? '' : `run ${arrival}${last}`;
  const whose = author === undefined ? '' : ` (${shortId(author)} ${firstSeq}–${lastSeq})`;
  return `${space}${code} ${where}${whose}${where === '' ? '' : ': '}${message}`;
}
