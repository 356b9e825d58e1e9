/** `await using` for the programs here, which run as they are on Node 22 too: it does not know the words. */
export async function scoped<R extends AsyncDisposable, T>(
  resource: R,
  use: (resource: R) => Promise<T>,
): Promise<T> {
  try {
    return await use(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}
