/** Rejections that nobody handles in this thread. Reported until the returned function is called. */
export function watchRejections(report: (error: unknown) => void): () => void {
  process.on('unhandledRejection', report);
  return () => void process.off('unhandledRejection', report);
}
