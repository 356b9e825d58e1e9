/** `verify`: what of a data directory is as it was stored. */
import { AverError } from '../../../src/base/errors.ts';
import type { Context } from './context.ts';
import { countText } from './format.ts';
import { alone, auditText, progressOf } from './health.ts';
import type { AddCommand } from './program.ts';

export function addVerifyCommand(add: AddCommand): void {
  add({
    usage: 'verify',
    summary: 'Hash and verify everything in the store anew, and name what is damaged. No peer may run.',
    examples: ['aver verify', 'aver verify --json | jq .spaces[].damage'],
    run: verify,
  });
}

async function verify(context: Context): Promise<void> {
  const { out, config, signal } = context;
  const { auditDirectory } = await import('../../../src/node-health.ts');
  const onProgress = progressOf(context, 'verified');
  const audit = await alone(context, () => auditDirectory(config.dataDir, { onProgress, signal }));
  await out.result({ data: config.dataDir, ...audit }, () => auditText(context, audit));
  if (audit.damaged === 0) return;
  throw new AverError('STORE_CORRUPT', `${countText(audit.damaged, 'place')} in ${config.dataDir} damaged.`, {
    fields: { damaged: audit.damaged },
  });
}
