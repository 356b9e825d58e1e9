/** The Clock port over the machine's clock and timers. */
import { breath } from './breath.ts';
import type { Clock } from './ports.ts';

/** Engines store the delay in 31 bits and fire at once beyond. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  steadyMs: () => performance.now(),
  setTimer(delayMs, action) {
    const timer = setTimeout(action, Math.min(Math.max(delayMs, 0), DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
  breathe: breath,
};
