import { expect, test } from 'vitest';
import { browserAddresses } from './bootstrap.ts';

const ADDRESSES = [
  '/ip4/127.0.0.1/tcp/4410/p2p/X',
  '/ip4/127.0.0.1/tcp/4411/ws/p2p/X',
  '/ip4/192.168.1.7/tcp/4411/ws/p2p/X',
  '/ip4/192.168.1.7/udp/4412/webrtc-direct/certhash/u/p2p/X',
  '/ip4/9.9.9.9/tcp/1/ws/p2p/R/p2p-circuit/p2p/X',
];

test('a page from localhost gets the loopback address first, and only what a browser can dial', () => {
  expect(browserAddresses(ADDRESSES, 'localhost')).toEqual([ADDRESSES[1], ADDRESSES[2], ADDRESSES[3]]);
});

test('a page from a LAN address gets that first', () => {
  expect(browserAddresses(ADDRESSES, '192.168.1.7')).toEqual([ADDRESSES[2], ADDRESSES[3], ADDRESSES[1]]);
});

test('a page that came under another name or address finds the peer there', () => {
  expect(browserAddresses(ADDRESSES, 'box.lan')[0]).toBe('/dns/box.lan/tcp/4411/ws/p2p/X');
  expect(browserAddresses(ADDRESSES, '10.0.0.3').slice(0, 3)).toEqual([
    '/ip4/10.0.0.3/tcp/4411/ws/p2p/X',
    '/ip4/10.0.0.3/udp/4412/webrtc-direct/certhash/u/p2p/X',
    ADDRESSES[1],
  ]);
});
