/**
 * Planted bugs: each is a change of the sources' text that one could make by mistake. They live here
 * alone: a mutant is switched on while its file is loaded, in a process of its own.
 */
import type { FaultName } from '../../src/testing/sim/plan.ts';

export interface Mutant {
  readonly name: string;
  /** Under `src/`. */
  readonly file: string;
  /** Texts that occur once in the file, and what stands there instead. */
  readonly edits: readonly (readonly [from: string, to: string])[];
  /** What it takes to see it soon, where seeds that have a bit of everything seldom have that. */
  readonly seenBy?: Seeing;
}

interface Seeing {
  readonly kinds?: readonly FaultName[];
  readonly inClub?: true;
  /** More of them than usual. */
  readonly assertions?: number;
  /** The default world, not the smaller one. */
  readonly large?: true;
}

const mutant = (
  name: string,
  file: string,
  ...edits: readonly (readonly [from: string, to: string])[]
): Mutant => ({ name, file, edits });

const seenBy = (seeing: Seeing, of: Mutant): Mutant => ({ ...of, seenBy: seeing });

/** Of secret and invited spaces. */
const IN_CLUB: readonly Mutant[] = [
  mutant('does not ask for an admission', 'set/membership.ts', [
    "if (space.genesis.write === 'invited' && firstOf(run).seq === 1)",
    "if (space.genesis.write === 'invited' && firstOf(run).seq === 0)",
  ]),
  mutant('does not look who signed an admission', 'set/membership.ts', [
    'if (key === undefined || !(await verifyStrict(crypto, key, message, signature))) {',
    'if (key === undefined) {',
  ]),
  mutant('does not ask for the secret', 'sync/seal.ts', [
    'return proof !== null && equalBytes(proof, right);',
    'return true;',
  ]),
  mutant('takes a proof of the secret that was made for others', 'sync/seal.ts', [
    'Uint8Array.of(from.length),\n    from,\n    utf8(verifier),',
    '',
  ]),
  mutant('answers who did not say hello', 'sync/served.ts', [
    'if (space !== undefined && this.#link.hasProved(space.replica.space)) return space;',
    'if (space !== undefined) return space;',
  ]),
  mutant('says what is secret to all who listen', 'sync/push.ts', [
    'this.#seal.seal(encodePush(replica.space.id, this.#takeRuns()))',
    'encodePush(replica.space.id, this.#takeRuns())',
  ]),
  mutant('forgets the key that an invite brings', 'peer/local-peer.ts', [
    'await this.#authors.get(opened.id)?.use(key);',
    'await undefined;',
  ]),
];

export const MUTANTS: readonly Mutant[] = [
  // The disk
  mutant('skips the sync of own writes', 'set/replica.ts', [
    "const durable = source.via === 'own' || source.via === 'file';",
    'const durable = false;',
  ]),
  mutant('acknowledges before the commit', 'set/writer.ts', [
    'await this.#commit(run);',
    'void this.#commit(run).catch(() => undefined);',
  ]),
  mutant('shows what the disk refused', 'set/replica.ts', [
    'placing.undo();\n      throw error;\n    }\n    this.#counters',
    'placing.undo();\n    }\n    this.#counters',
  ]),
  mutant('answers writers before the disk does', 'store/write-queue.ts', [
    'await this.#writeGroup(',
    'void this.#writeGroup(',
  ]),
  // A replica hands over one batch at a time: a group is of two spaces, on a disk that is slow.
  seenBy(
    { kinds: ['crash in write'], inClub: true, assertions: 400 },
    mutant('syncs a group only for its first writer', 'store/write-queue.ts', [
      'group.some((waiting) => waiting.durable)',
      'group[0]?.durable === true',
    ]),
  ),
  mutant('counts as flushed what is not', 'set/flusher.ts', [
    'if (durable) this.#reached',
    'if (durable || this.#latest) this.#reached',
  ]),
  mutant('leaves old tips on the disk', 'set/merge.ts', [
    'for (const tip of remove) this.#ops.push({ key: tipKey(tip), value: undefined });',
    '',
  ]),
  mutant('forgets all tips of a batch but the last', 'set/merge.ts', [
    'for (const tip of add) this.#ops.push',
    'for (const tip of add.slice(-1)) this.#ops.push',
  ]),
  mutant('uses a place on the disk twice', 'set/merge.ts', [
    'arrivals: arrival + 1,',
    'arrivals: arrival + (arrival % 16 === 7 ? 0 : 1),',
  ]),
  mutant('reads what the disk damaged', 'base/checksum.ts', [
    'if (at < 0 || readU32(record, at) !== hash32(record, at)) return undefined;',
    'if (at < 0) return undefined;',
  ]),
  // Membership and order
  mutant('accepts a wrong signature', 'set/membership.ts', [
    'if (!signed) throw',
    'if (!signed && !run) throw',
  ]),
  mutant('does not wait for the assertion before', 'set/merge.ts', ['missing.add(mapKey(first.prev));', '']),
  mutant('does not wait for parents', 'set/merge.ts', [
    'if (hlc === undefined) missing.add(mapKey(namer.id));',
    'if (hlc === undefined) continue;',
  ]),
  mutant('does not compare clocks with parents', 'set/merge.ts', [
    'else if (compareHlc(namer.hlc, hlc) <= 0) {',
    'else if (compareHlc(namer.hlc, hlc) < -1e9) {',
  ]),
  mutant('keeps one tip of a fork in memory', 'set/frontier.ts', [
    'const forks = [known, added].map',
    'const forks = [added].map',
  ]),
  mutant('sorts the leaves of the trie by arrival', 'set/trie-node.ts', [
    'const sorted = [...entries].sort((a, b) => compareBytes(a.hash, b.hash));',
    'const sorted = [...entries];',
  ]),
  mutant('breaks the ties of a lens by arrival', 'rules/lens.ts', [
    'compareReadings(b.assertion, a.assertion) || tieBreak(a, b)',
    'Number(b.assertion.hlc.time - a.assertion.hlc.time)',
  ]),
  // Clocks
  mutant('lets others drag its clock along', 'assertion/hlc.ts', [
    'if (this.aheadMs(remote) > limits.hlcMergeAheadMsMax) return false;',
    '',
  ]),
  mutant('shows what comes from the future', 'set/door.ts', [
    'if (hlc.aheadMs(last.hlc) <= limits.hlcHoldAheadMsMin) return false;',
    'if (hlc !== undefined) return false;',
  ]),
  mutant('holds for ever what came from the future', 'set/held-authors.ts', [
    'return (this.#dueMsByTip.get(bytesToHex(id)) ?? 0) > this.#clock.nowMs();',
    'return this.#dueMsByTip.get(bytesToHex(id)) !== undefined;',
  ]),
  mutant('reads the clock without its own chain', 'assertion/hlc.ts', [
    'const floor = compareHlc(after, this.#last) > 0 ? after : this.#last;',
    'const floor = ZERO;',
  ]),
  seenBy(
    { kinds: ['lossy'] },
    mutant('holds all that an author of the future writes', 'set/replica.ts', [
      "isHeldTip({ id }: Pick<Tip, 'id'>): boolean {\n    return this.#held.hasTip(id);",
      'isHeldTip({ author }: any): boolean {\n    return this.#held.has(author);',
    ]),
  ),
  mutant('takes a longer chain for the one that is asked for', 'set/replica.ts', [
    'return new Set(open.filter((_, i) => places[i] !== undefined));',
    'return new Set(open.filter((tip, i) => places[i] !== undefined || !frontier.isForked(tip.author)));',
  ]),
  // Sync
  seenBy(
    { kinds: ['crash in write', 'crash'] },
    mutant('counts as held for good what is not on the disk', 'sync/settled.ts', [
      'if (isNew()) return frontier.flushed.root;',
      'return frontier.root();',
    ]),
  ),
  mutant('says that it has what it asks for', 'sync/ranges.ts', [
    'ranges.push({ author, seq, id, have });',
    'ranges.push({ author, seq, id, have: own.forked ? [...have, { seq, id }] : have });',
  ]),
  mutant('never dials a lost peer again', 'net/redialer.ts', [
    'if (target.peerId === peerId && !target.dialling && target.cancel === undefined) this.#schedule(target);',
    '',
  ]),
  mutant('never frees the slot of a pull', 'sync/puller.ts', ['      free();\n', '']),
  mutant('waits for an answer for ever', 'sync/deadline.ts', [
    'clock.setTimer(timeoutMs, () =>',
    'clock.setTimer(timeoutMs * 1e9, () =>',
  ]),
  mutant('never tries a failed sync again', 'sync/peer-sync.ts', [
    'this.#notBeforeMs = ports.clock.nowMs() + waitMs;',
    'this.#notBeforeMs = ports.clock.nowMs() + waitMs * 1e9;',
  ]),
  mutant('takes one branch of a fork for the whole', 'sync/runs-source.ts', [
    'if (frontier.isForked(author)) {',
    'if (frontier.isForked(author) && asked.length > 1e9) {',
  ]),
  mutant('withholds the last run of a pull', 'sync/runs-source.ts', [
    "yield { type: 'runs', runs: chunk, open: false, cursor: null };",
    "yield { type: 'runs', runs: chunk.slice(0, -1), open: false, cursor: null };",
  ]),
  seenBy(
    { large: true },
    mutant('cuts a run one assertion too late', 'sync/runs-source.ts', [
      'run.assertions.slice(known + 1)',
      'run.assertions.slice(Math.min(known + 2, run.assertions.length - 1))',
    ]),
  ),
  mutant('writes on under a key that is used elsewhere', 'peer/author.ts', ['author.#retire();', 'return;']),
  ...IN_CLUB.map((each) => seenBy({ inClub: true }, each)),
];

/** The file's text with the planted bug. Throws when the sources have moved on under the mutant. */
export function plant({ name, file, edits }: Mutant, text: string): string {
  return edits.reduce((planted, [from, to]) => {
    const parts = planted.split(from);
    if (parts.length !== 2) {
      throw new Error(
        `The mutant "${name}" no longer fits src/${file}: "${from}" occurs ${parts.length - 1} times.`,
      );
    }
    return parts.join(to);
  }, text);
}
