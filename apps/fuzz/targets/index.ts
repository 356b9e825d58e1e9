/** Every decoder of bytes that others may have made. */
import type { Target } from '../target.ts';
import { assertionTargets } from './assertions.ts';
import { levelDbTargets } from './leveldb.ts';
import { peopleTargets } from './people.ts';
import { storeTargets } from './store.ts';
import { wireTargets } from './wire.ts';

export const targets: readonly Target[] = [
  ...assertionTargets,
  ...wireTargets,
  ...storeTargets,
  ...levelDbTargets,
  ...peopleTargets,
];
