/** Carries out a call on the peer: for this tab itself, or for one that follows it. */
import { AverError } from '../../base/errors.ts';
import type { Peer, Space } from '../api.ts';

const PEER_METHODS = new Set(['info', 'peers', 'metrics', 'create', 'open', 'spaces', 'import', 'connect']);
const SPACE_METHODS = new Set([
  'assert',
  'get',
  'status',
  'settled',
  'invite',
  'erase',
  'trie',
  'compare',
  'sync',
]);
const SPACE_ITERATIONS = new Set(['query', 'watch', 'export']);
/** Methods whose last argument takes a signal, and how many arguments stand before it. */
const SIGNAL_AT: Readonly<Record<string, number>> = {
  info: 0,
  peers: 0,
  metrics: 0,
  spaces: 0,
  create: 0,
  status: 0,
  invite: 0,
  erase: 1,
  trie: 1,
  open: 1,
  import: 1,
  connect: 1,
  assert: 1,
  get: 2,
  settled: 0,
  compare: 1,
  sync: 0,
  query: 1,
  watch: 1,
  export: 0,
};

export interface Target {
  readonly space: string | undefined;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A space as it travels between tabs. */
export interface SpaceName {
  readonly id: string;
  readonly name: string;
}

function withSignal({ method, args }: Target, signal: AbortSignal): unknown[] {
  // Another version of the page may say anything.
  if (!Array.isArray(args)) throw new AverError('BAD_INPUT', `"${method}" was called without a list.`);
  const at = SIGNAL_AT[method];
  if (at === undefined) return [...args];
  const before = Array.from({ length: at }, (_, i) => args[i]);
  return [...before, { ...(args[at] as object | undefined), signal }];
}

export async function dispatchCall(peer: Peer, target: Target, signal: AbortSignal): Promise<unknown> {
  const { space, method } = target;
  const allowed = space === undefined ? PEER_METHODS : SPACE_METHODS;
  if (!allowed.has(method)) throw new AverError('BAD_INPUT', `There is no "${method}".`);
  const object = space === undefined ? peer : await peer.open(space);
  const args = withSignal(target, signal);
  if (method === 'import') {
    if (!(args[0] instanceof Blob)) throw new AverError('BAD_INPUT', 'A file to import is missing.');
    args[0] = args[0].stream();
  }
  const result = await (object as unknown as Record<string, (...args: unknown[]) => unknown>)[method]?.(
    ...args,
  );
  if (method === 'create' || method === 'open') return nameOf(result as Space);
  if (method === 'spaces') return (result as readonly Space[]).map(nameOf);
  return result;
}

export async function dispatchIteration(
  peer: Peer,
  target: Target,
  signal: AbortSignal,
): Promise<AsyncIterable<unknown>> {
  const { space, method } = target;
  if (space === undefined || !SPACE_ITERATIONS.has(method))
    throw new AverError('BAD_INPUT', `There is no "${method}".`);
  const object = await peer.open(space);
  return (object as unknown as Record<string, (...args: unknown[]) => AsyncIterable<unknown>>)[method]?.(
    ...withSignal(target, signal),
  ) as AsyncIterable<unknown>;
}

export function isIteration(method: string): boolean {
  return SPACE_ITERATIONS.has(method);
}

function nameOf({ id, name }: Space): SpaceName {
  return { id, name };
}
