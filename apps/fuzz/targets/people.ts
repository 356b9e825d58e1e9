/** What people and programs hand in: links, files, HTTP requests, settings, and what tabs say to each other. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { encodeValue } from '../../../src/base/cbor.ts';
import { decodeValue } from '../../../src/base/cbor-reader.ts';
import { AverError } from '../../../src/base/errors.ts';
import { blake3 } from '../../../src/base/hash.ts';
import type { LogLevel } from '../../../src/base/ports.ts';
import type { Value } from '../../../src/base/value.ts';
import { nodeCrypto } from '../../../src/crypto/crypto-node.ts';
import { exportFile, importFile } from '../../../src/peer/export-file.ts';
import { decodeInvite, encodeInvite } from '../../../src/peer/invite.ts';
import { isTabMessage, type TabMessage } from '../../../src/peer/tabs/messages.ts';
import { TabClient } from '../../../src/peer/tabs/tab-client.ts';
import { TabHost } from '../../../src/peer/tabs/tab-host.ts';
import { decodeGenesis, encodeGenesis } from '../../../src/set/genesis.ts';
import { openTestReplica } from '../../../src/testing/test-replica.ts';
import { readConfig } from '../../peer/config.ts';
import { createApp } from '../../peer/http/app.ts';
import { csvRows } from '../../peer/import/csv.ts';
import { ndjsonRows } from '../../peer/import/ndjson.ts';
import type { Row } from '../../peer/import/rows.ts';
import { FakePeer } from '../../peer/testing/fake-peer.ts';
import type { Target } from '../target.ts';
import { runs, secretSpace, space } from './samples.ts';

const CHECK_BYTES = 4;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const invite = {
  genesisBytes: space.genesisBytes,
  addresses: ['/ip4/127.0.0.1/tcp/1/p2p/a', '/ip4/127.0.0.1/udp/1/p2p/a', '/dns4/x/tcp/2/p2p/b', '/memory/1'],
  expiresAtMs: 2_000_000_000_000,
  secret: null,
  authorSeed: new Uint8Array(32),
  author: new Uint8Array(32),
  admit: [{ admitter: 0, signature: new Uint8Array(64) }],
};
const invites = () => [
  invite,
  { ...invite, genesisBytes: secretSpace.genesisBytes, secret: new Uint8Array(32).fill(7), admit: null },
];

const bodyOfInvite = (link: string) => new Uint8Array(Buffer.from(link, 'base64url')).slice(CHECK_BYTES);
const inviteOf = (body: Uint8Array) =>
  Buffer.from(concatBytes(blake3(body).subarray(0, CHECK_BYTES), body)).toString('base64url');

/** In pieces whose sizes its own bytes tell. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const step = 1 + ((bytes[at] as number) % 5) * (at < 200 ? 7 : 9000);
    yield bytes.subarray(at, at + step);
    at += step;
  }
}

async function drain(rows: AsyncIterable<Row>): Promise<undefined> {
  for await (const _ of rows);
  return undefined;
}

async function wholeFile(seed: number): Promise<Uint8Array> {
  const { replica } = await openTestReplica(space, nodeCrypto());
  await replica.ingest(await runs(3, seed), { from: 'self', via: 'own' });
  const chunks: Uint8Array[] = [];
  for await (const chunk of exportFile(replica)) chunks.push(chunk);
  await replica.close();
  return concatBytes(...chunks);
}

const peer = new FakePeer();
peer.commons.settled = async () => ({ replicas: [] });
const TOKEN = 'token';
let failure: unknown;
const app = createApp({
  peer,
  token: TOKEN,
  instance: 'x',
  space: peer.commons.id,
  allowHosts: [],
  log: {
    write: (level: LogLevel, _: string, fields) => {
      if (level === 'error') failure = fields;
    },
  },
  closing: new AbortController().signal,
  webDir: '/nowhere',
});

/** The first line of the input is method and path, the rest the body. */
async function ask(bytes: Uint8Array): Promise<undefined> {
  const [line = '', ...rest] = text(bytes).split('\n');
  const method = line.startsWith('GET ') ? 'GET' : line.startsWith('DELETE ') ? 'DELETE' : 'POST';
  const path = line.slice(line.indexOf(' ') + 1);
  const url = URL.parse(`http://localhost/api/v1/${path}`);
  // Streams do not end by themselves.
  if (url === null || /\/(?:watch|events)$/.test(url.pathname)) return undefined;
  const headers = { authorization: `Bearer ${TOKEN}`, host: 'localhost' };
  failure = undefined;
  const body = method === 'GET' ? {} : { body: rest.join('\n') };
  const response = await app.request(url.href, { method, headers, ...body });
  const said = (await response.text()) as string;
  for (const one of peer.all) {
    one.asserted.length = 0;
    one.facts.length = 0;
  }
  peer.all.splice(1);
  if (response.status === 500) throw new Error(`${said} ${JSON.stringify(failure)}`);
  if (response.status >= 400) throw new AverError('BAD_INPUT', said);
  return undefined;
}

const spacePath = `spaces/${peer.commons.id}`;
const requests = [
  `POST ${spacePath}/facts\n{"subject":"a","predicate":"b","object":{"$bytes":"AAEC"},"confidence":0.5}`,
  `POST ${spacePath}/facts\n[{"subject":"a","predicate":"b","object":[1,{"c":null}]}]`,
  `POST ${spacePath}/facts\n{"claims":[{"subject":"a","predicate":"b","object":"c"}]}`,
  `GET ${spacePath}/facts?subject=a*&order=hlc&limit=10&sinceMs=5&reverse=true`,
  `GET ${spacePath}/resolve?subject=a&predicate=b&lens=latest-hlc`,
  `GET ${spacePath}/trie?prefix=0a`,
  `POST ${spacePath}/settled\n{"replicas":0,"timeoutMs":1}`,
  `POST ${spacePath}/invite\n{"ttlMs":1000,"addresses":["/ip4/1.2.3.4/tcp/1"],"readOnly":false}`,
  'POST spaces\n{"name":"x","write":"open","pow":[[1,2]],"payloadBytesMax":1000}',
  'POST join\n{"invite":"abc"}',
  'POST connect\n{"address":"/ip4/127.0.0.1/tcp/1"}',
  'GET spaces',
];

const config = join(mkdtempSync(join(tmpdir(), 'aver-fuzz-')), 'config.json');

/** Messages of tabs, as values: a channel clones whatever another version of the page says. */
const tabMessages: readonly TabMessage[] = [
  { type: 'call', to: 'b', from: 'a', call: 1, space: peer.commons.id, method: 'get', args: ['a', 'b', {}] },
  { type: 'call', to: 'b', from: 'a', call: 2, space: undefined, method: 'info', args: [] },
  { type: 'call', to: 'b', from: 'a', call: 3, space: undefined, method: 'import', args: [null] },
  {
    type: 'call',
    to: 'b',
    from: 'a',
    call: 4,
    space: peer.commons.id,
    method: 'query',
    args: [{ subject: 'a' }],
  },
  { type: 'next', to: 'b', from: 'a', call: 4, step: 5 },
  { type: 'cancel', to: 'b', from: 'a', call: 4 },
  { type: 'result', to: 'a', call: 1, value: 1 },
  { type: 'result', to: 'a', call: 1, error: { code: 'BUSY', message: 'x', fields: {} } },
  { type: 'ping', from: 'a' },
  { type: 'leader', id: 'b' },
  { type: 'ended', error: { code: 'STORE_GONE', message: 'x', fields: {} } },
];

function withoutUndefined(message: TabMessage): Value {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)) as Value;
}

async function hearTab(bytes: Uint8Array): Promise<undefined> {
  const message: unknown = decodeValue(bytes);
  if (!isTabMessage(message)) return undefined;
  const said: TabMessage[] = [];
  const host = new TabHost(peer, (each) => said.push(structuredClone(each)));
  host.receive(message);
  const client = new TabClient('a', () => undefined);
  const answer = client.call({ space: undefined, method: 'info', args: [] }).then(
    () => undefined,
    (error: unknown) => error,
  );
  client.receive(message);
  client.leaderGone();
  await answer;
  await new Promise((resolve) => setImmediate(resolve));
  host.close();
  for (const each of said)
    if (each.type === 'result' && each.error?.code === 'INTERNAL') throw new Error(each.error.message);
  return undefined;
}

export const peopleTargets: readonly Target[] = [
  {
    name: 'genesis',
    sound: () => [space, secretSpace].map(({ genesisBytes }) => genesisBytes),
    decode: (bytes) => encodeGenesis(decodeGenesis(bytes)),
  },
  {
    name: 'invite body',
    sound: () => invites().map((each) => bodyOfInvite(encodeInvite(each))),
    decode: (bytes) => bodyOfInvite(encodeInvite(decodeInvite(inviteOf(bytes), 0))),
  },
  {
    name: 'invite',
    kind: 'text',
    sound: () => invites().map((each) => utf8(`https://example.org/#invite=${encodeInvite(each)}`)),
    decode: (bytes) => void decodeInvite(text(bytes), 0),
    share: 0.3,
  },
  {
    name: 'export file',
    sound: async (seed) => [await wholeFile(seed), await wholeFile(seed + 1)],
    kind: 'bytes',
    decode: async (bytes) => {
      const opened: Awaited<ReturnType<typeof openTestReplica>>['replica'][] = [];
      try {
        await importFile(pieces(bytes), async (identity) => {
          const { replica } = await openTestReplica(identity, nodeCrypto());
          opened.push(replica);
          return replica;
        });
      } finally {
        for (const replica of opened) await replica.close();
      }
      return undefined;
    },
    share: 0.1,
  },
  {
    name: 'CSV',
    kind: 'text',
    sound: () =>
      [
        'a,b,c\n"x, y","say ""hi""","two\r\nlines"\n',
        'object,subject,predicate,confidence\n1,a,b,0.5\n',
        'a,b,{"c":1}',
      ].map(utf8),
    decode: (bytes) => drain(csvRows(pieces(bytes))),
  },
  {
    name: 'NDJSON',
    kind: 'text',
    sound: () =>
      [
        '{"subject":"a","predicate":"b","object":{"$bytes":"AAEC"}}\n["a","b",[1,null],0.5]\n',
        '["a","b",1e3]',
      ].map(utf8),
    decode: (bytes) => drain(ndjsonRows(pieces(bytes))),
  },
  {
    name: 'HTTP request',
    kind: 'text',
    isWhole: false,
    sound: () => requests.map(utf8),
    decode: ask,
    share: 0.5,
  },
  {
    name: 'settings',
    isWhole: false,
    kind: 'text',
    sound: () => [utf8('{"port":8080,"tcp":false,"bootstrap":["/ip4/1.2.3.4/tcp/1"],"logLevel":"warn"}')],
    decode: async (bytes) => {
      writeFileSync(config, bytes);
      const value = text(bytes).replaceAll('\0', '');
      const environment = { AVER_PORT: value.slice(0, 20), AVER_BOOTSTRAP: value };
      const data = join(config, '..');
      await readConfig({ data }, {});
      await readConfig({ data }, environment);
      return undefined;
    },
    share: 0.05,
  },
  {
    name: 'tab message',
    sound: () => tabMessages.map((message) => encodeValue(withoutUndefined(message))),
    decode: hearTab,
    share: 0.5,
  },
];
