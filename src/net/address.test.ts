import { multiaddr } from '@multiformats/multiaddr';
import { expect, test } from 'vitest';
import { addressToHost } from './address.ts';

test.each([
  ['/ip4/10.0.0.7/tcp/4001', '10.0.0.7'],
  ['/dns4/peer.example/tcp/443/tls/ws', 'peer.example'],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'fe80::1'],
])('the host of %s is %s', (address, host) => {
  expect(addressToHost(multiaddr(address))).toBe(host);
});

test('who comes through a relay has no host', () => {
  const relay = '12D3KooWGbSNKD1qWvKVwKqB9Vj5mCQvRmFtm5JwNmfMBhM5vFvS';
  expect(addressToHost(multiaddr(`/ip4/10.0.0.7/tcp/4001/p2p/${relay}/p2p-circuit`))).toBeUndefined();
});
