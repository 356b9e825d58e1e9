import { describe, expect, it } from 'vitest';
import { inviteBase, isLocalHost, readAddress, withoutInvite, withView } from './address.ts';
import { parseBootstrap } from './bootstrap.ts';
import { placePeers } from './graph-layout.ts';
import { differenceText, mergePeers } from './peer-view.ts';
import { platformProblems } from './platform.ts';
import { trieRows } from './trie-rows.ts';
import { objectToLine, textToObject } from './value-text.ts';

describe('the address bar', () => {
  it('names profile, view and invite', () => {
    expect(readAddress('http://localhost:8080/?profile=two&view=trie#abc')).toEqual({
      profile: 'two',
      view: 'trie',
      invite: 'abc',
    });
    expect(readAddress('http://localhost/?profile=../x&view=nothing')).toEqual({
      profile: 'default',
      view: 'facts',
      invite: '',
    });
  });

  it('loses an invite that was used, and nothing else', () => {
    expect(withoutInvite('http://a/?profile=two#secret')).toBe('http://a/?profile=two');
    expect(withView('http://a/?profile=two', 'peers')).toBe('http://a/?profile=two&view=peers');
    expect(inviteBase('http://a/app/?profile=two#x')).toBe('http://a/app/');
  });

  it('tells local hosts from public ones', () => {
    for (const host of [
      'localhost',
      '127.0.0.1',
      '[::1]',
      '192.168.1.4',
      '10.0.0.1',
      '172.20.1.1',
      'nas.local',
    ])
      expect(isLocalHost(host), host).toBe(true);
    for (const host of ['example.org', '172.32.0.1', '11.0.0.1', 'localhost.example.org'])
      expect(isLocalHost(host), host).toBe(false);
  });
});

describe('platformProblems', () => {
  const all = { crypto: { subtle: {} }, navigator: { locks: {} }, indexedDB: {}, RTCPeerConnection: {} };

  it('blocks without WebCrypto and says what to do', () => {
    const [problem] = platformProblems({ ...all, crypto: {} });
    expect(problem).toMatchObject({ code: 'NO_WEBCRYPTO', blocking: true });
    expect(problem?.advice).toContain('https');
  });

  it('goes on without WebRTC', () => {
    const { RTCPeerConnection, ...rest } = all;
    expect(RTCPeerConnection).toBeDefined();
    expect(platformProblems(rest)).toMatchObject([{ code: 'NO_WEBRTC', blocking: false }]);
    expect(platformProblems(all)).toEqual([]);
  });
});

describe('parseBootstrap', () => {
  it('takes what the Node peer says', () => {
    expect(parseBootstrap('{"addresses":["/ip4/1.2.3.4"],"space":"inv","name":"n"}')).toEqual({
      addresses: ['/ip4/1.2.3.4'],
      space: 'inv',
      name: 'n',
    });
  });
  it('takes nothing from anything else', () => {
    for (const text of ['', '<!doctype html>', 'null', '[]', '{"addresses":"x"}'])
      expect(parseBootstrap(text), text).toBeUndefined();
    expect(parseBootstrap('{"addresses":[1,"a",null]}')?.addresses).toEqual(['a']);
  });
});

describe('objects of claims', () => {
  it('are JSON where it parses, else text', () => {
    expect(textToObject('42')).toBe(42);
    expect(textToObject('{"a":[1]}')).toEqual({ a: [1] });
    expect(textToObject('green tea')).toBe('green tea');
  });
  it('show so that what is shown, typed again, is the same', () => {
    for (const object of ['green tea', '42', 42, true, null, { a: 1 }, 'true', ' 1', '"'])
      expect(textToObject(objectToLine(object))).toEqual(object);
  });
});

describe('peers', () => {
  it('have stable places on a ring, self in the middle', () => {
    const first = placePeers(['a', 'b', 'c'], 100, new Map());
    for (const { x, y } of first.values()) {
      expect(Math.hypot(x, y)).toBeGreaterThan(80);
      expect(Math.hypot(x, y)).toBeLessThan(160);
    }
    expect(placePeers(['a', 'b', 'c'], 100, new Map())).toEqual(first);
  });

  it('of other spaces stand behind those of this one, once each', () => {
    const link = { transport: 'tcp', relayed: false, direction: 'inbound', address: '/x' } as const;
    const connected = [
      { ...link, id: 'a', roundTripMs: 1 },
      { ...link, id: 'b', roundTripMs: 2 },
    ];
    const status = { ...link, roundTripMs: 1, relation: 'equal', root: 'r', count: 1 } as const;
    const inSpace = [{ ...status, id: 'a', lacks: 0, leads: 0, comparedAtMs: 1 }];
    const merged = mergePeers(inSpace, connected).map(({ id, inSpace: here, relation }) => [
      id,
      here,
      relation,
    ]);
    expect(merged).toEqual([
      ['a', true, 'equal'],
      ['b', false, 'unknown'],
    ]);
  });

  it('say by how much they differ', () => {
    expect(differenceText({ lacks: 3, leads: 1 })).toBe('it lacks 3 assertions, we lack 1 assertion');
    expect(differenceText({ lacks: 0, leads: 0 })).toBe('');
  });
});

describe('trieRows', () => {
  it('lights the way to a difference, also where only the peer has something', () => {
    const children = Array.from({ length: 16 }, (_, digit) =>
      digit === 3 || digit === 5 ? `h${digit}` : '',
    );
    const root = { prefix: '', kind: 'inner', hash: 'h', entries: 40, children, tips: [] } as const;
    const comparison = {
      peerId: 'p',
      equal: false,
      mine: 'h',
      theirs: 'i',
      differing: ['', '3', 'c'],
      authors: [],
    };
    const rows = trieRows(new Map([['', root]]), new Set(['']), comparison);
    expect(rows.map(({ prefix, differs, hash }) => [prefix, differs, hash])).toEqual([
      ['', true, 'h'],
      ['3', true, 'h3'],
      ['5', false, 'h5'],
      ['c', true, ''],
    ]);
    expect(rows[0]?.mine[12]).toBe('none');
    expect(rows[0]?.theirs[12]).toBe('differs');
    expect(rows[0]?.mine[5]).toBe('same');
  });
});
