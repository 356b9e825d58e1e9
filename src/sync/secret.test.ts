import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodeRun } from '../assertion/run-codec.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { hashSecret } from '../set/genesis.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer } from '../testing/sync-peer.ts';
import type { Request } from './messages.ts';
import { encodePush } from './push.ts';
import { OWN_LIMITS } from './requests.ts';
import { helloProof, isHelloProof, Seal } from './seal.ts';

const secret = new Uint8Array(32).fill(7);
const space = testSpace({ read: 'secret', secretHash: hashSecret(secret) }, secret);
/** What a stranger may have found out: tag and topic, but not the secret. */
const guessed = { ...space, secret: new Uint8Array(32).fill(8) };
let hub: MemoryHub;
let member: SyncPeer;
let stranger: RawPeer;

beforeAll(() => loadFastHash());

beforeEach(async () => {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  member = await SyncPeer.start({ hub, space, number: 1 });
  stranger = await RawPeer.start(hub, 'stranger');
});

afterEach(async () => {
  await stranger.network.stop();
  await member.stop();
});

function hello(proof: Uint8Array | null): Request {
  return { type: 'hello', tag: space.tag, proof, clockMs: 0, limits: OWN_LIMITS };
}

test('members of a secret space sync as those of an open one', async () => {
  const other = await SyncPeer.start({ hub, space, number: 2 });
  await member.write();
  await other.write();
  await other.connect(member);
  await converged([member, other], 2);
  await member.write();
  await converged([member, other], 3);
  await other.stop();
});

test('a stranger who knows the tag cannot say hello, and learns no count, root or run', async () => {
  await member.write();
  await stranger.connect(member.id);
  const denied = { type: 'denied', code: 'UNKNOWN_SPACE' };
  for (const proof of [
    null,
    new Uint8Array(32),
    helloProof(guessed, 'stranger', member.id),
    // Reflected and replayed proofs of members.
    helloProof(space, member.id, 'stranger'),
    helloProof(space, 'another', member.id),
    helloProof(space, 'stranger', 'another'),
  ]) {
    const stream = await stranger.open(member.id).catch(() => undefined);
    if (stream === undefined) break; // Banned by now.
    const answer = await stream.ask(hello(proof)).catch(() => denied);
    expect(answer).toEqual(denied);
    const pull: Request = { type: 'pull', tag: space.tag, ranges: [], maxBytes: 10, cursor: null };
    expect(await stream.ask(pull).catch(() => denied)).toMatchObject({ type: 'denied' });
    await stream.stream.close();
  }
  expect(member.sync.relations()).toEqual([]);
});

test('a stranger who answers in place of a member is not told anything', async () => {
  await stranger.network.stop();
  const asked: Request['type'][] = [];
  const liar = await RawPeer.start(hub, 'liar', (request) => {
    asked.push(request.type as Request['type']);
    const clockMs = systemClock.nowMs();
    return request.type === 'hello' ? [{ type: 'hello', proof: null, clockMs, limits: OWN_LIMITS }] : [];
  });
  await member.write();
  await liar.connect(member.id);
  await expect(member.sync.sync({ peerId: 'liar' })).rejects.toMatchObject({ code: 'DENIED' });
  expect(asked).toEqual(['hello']);
  expect(member.sync.relations()).toEqual([]);
  await liar.network.stop();
});

test('a stranger on the topic reads nothing', async () => {
  const heard = new Promise<Uint8Array>((resolve) => {
    stranger.network.subscribe(space.topic, async (_, message) => {
      resolve(message);
      return 'accept';
    });
  });
  await stranger.connect(member.id);
  await member.network.ping('stranger');
  const run = await member.write(1, new TextEncoder().encode('nobody else may read this'));
  const message = await heard;
  const plain = encodePush(space.id, [encodeRun(run)]);
  expect(message.length).toBe(plain.length + 40);
  expect(bytesToHex(message)).not.toContain(bytesToHex(run.author));
  expect(bytesToHex(message)).not.toContain(bytesToHex(new TextEncoder().encode('nobody')));
});

test('a stranger on the topic cannot publish, and is rejected', async () => {
  const author = await TestAuthor.create(space, member.crypto, 66);
  const plain = encodePush(space.id, [encodeRun(await author.run(author.chain(1)))]);
  stranger.network.subscribe(space.topic, async () => 'accept');
  await stranger.connect(member.id);
  await stranger.network.ping(member.id);
  await stranger.network.publish(space.topic, plain);
  await stranger.network.publish(space.topic, new Seal(guessed, new SeededRandom(5)).seal(plain));
  await stranger.network.ping(member.id);
  await stranger.network.ping(member.id);
  expect(member.metric('push_rejected', { code: 'BAD_SIGNATURE' })).toBe(2);
  expect(member.replica.count).toBe(0);
});

test('a sealed message is bound to its topic, and no two are alike', () => {
  const seal = new Seal(space, new SeededRandom(5));
  const message = Uint8Array.of(1, 2, 3);
  const sealed = seal.seal(message);
  expect(seal.open(sealed)).toEqual(message);
  expect(equalBytes(sealed, seal.seal(message))).toBe(false);
  const elsewhere = new Seal({ ...space, topic: 'elsewhere' }, new SeededRandom(5));
  expect(() => elsewhere.open(sealed)).toThrow(expect.objectContaining({ code: 'BAD_SIGNATURE' }));
  for (let at = 0; at < sealed.length; at++) {
    const tampered = sealed.with(at, (sealed[at] as number) ^ 1);
    expect(() => seal.open(tampered)).toThrow(expect.objectContaining({ code: 'BAD_SIGNATURE' }));
  }
  expect(() => seal.open(new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'BAD_SIGNATURE' }));
});

test('a proof holds for one prover, one verifier and one space', () => {
  const proof = helloProof(space, 'a', 'b');
  expect(isHelloProof(space, 'a', 'b', proof)).toBe(true);
  expect(isHelloProof(space, 'b', 'a', proof)).toBe(false);
  expect(isHelloProof(space, 'ab', '', helloProof(space, 'a', 'b'))).toBe(false);
  expect(isHelloProof(space, 'a', 'b', null)).toBe(false);
  expect(isHelloProof(guessed, 'a', 'b', proof)).toBe(false);
  expect(isHelloProof(testSpace(), 'a', 'b', null)).toBe(true);
  expect(isHelloProof(testSpace(), 'a', 'b', proof)).toBe(false);
});
