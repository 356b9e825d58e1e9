/**
 * Work that is done once per animation frame, however often it is asked for. A hidden page gets no
 * frames, so there a slow timer takes their place and nothing piles up.
 */
const HIDDEN_MS = 250;

export interface FrameTask {
  request(): void;
  cancel(): void;
}

export function frameTask(work: () => void): FrameTask {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
  };
  const run = () => {
    cancel();
    work();
  };
  const request = () => {
    if (timer !== undefined) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, HIDDEN_MS);
  };
  return { request, cancel };
}

/** Calls `work` after `delayMs` without a further request; for look-ups that follow typing or news. */
export function debounced(work: () => void, delayMs: number): FrameTask {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => clearTimeout(timer);
  const request = () => {
    cancel();
    timer = setTimeout(work, delayMs);
  };
  return { request, cancel };
}
