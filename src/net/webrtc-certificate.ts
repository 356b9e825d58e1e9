/**
 * The certificate of the WebRTC-direct listener, derived from the seed of the peer id.
 *
 * Browsers know it by its hash, which is part of the address. Derived, it is the same after every
 * start without being stored, so addresses in invites go on working. Browsers compare the hash and
 * look at nothing else in it; Noise then proves the peer id.
 */

import type { TransportCertificate } from '@libp2p/webrtc';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToBase64Url, concatBytes, hexToBytes, utf8 } from '../base/bytes.ts';
import { blake3 } from '../base/hash.ts';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const CONTEXT_0 = 0xa0;
const CONTEXT_1 = 0xa1;

/** Object identifiers, tag and length included. */
const EC_PUBLIC_KEY = hexToBytes('06072a8648ce3d0201');
const PRIME256V1 = hexToBytes('06082a8648ce3d030107');
const ECDSA_WITH_SHA256 = hexToBytes('06082a8648ce3d040302');
const COMMON_NAME = hexToBytes('0603550403');

/** The same seed gives the same certificate, byte for byte. */
export function webRtcCertificate(seed: Uint8Array): TransportCertificate {
  const secretKey = deriveKey(seed);
  const publicKey = p256.getPublicKey(secretKey, false);
  const certificate = encodeCertificate(secretKey, publicKey);
  return {
    privateKey: toPem('PRIVATE KEY', encodePrivateKey(secretKey, publicKey)),
    pem: toPem('CERTIFICATE', certificate),
    // Multibase base64url of the multihash sha2-256.
    certhash: `u${bytesToBase64Url(concatBytes(new Uint8Array([0x12, 32]), sha256(certificate)))}`,
  };
}

function deriveKey(seed: Uint8Array): Uint8Array {
  for (let attempt = 0; ; attempt++) {
    const key = blake3(utf8('aver/webrtc-certificate/1'), new Uint8Array([attempt]), seed);
    if (p256.utils.isValidSecretKey(key)) return key;
  }
}

/** RFC 5280: version 3, self-signed, without extensions. */
function encodeCertificate(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, utf8('aver')))));
  const validity = der(SEQUENCE, der(UTC_TIME, utf8('200101000000Z')), der(UTC_TIME, utf8('491231235959Z')));
  const body = der(
    SEQUENCE,
    der(CONTEXT_0, der(INTEGER, new Uint8Array([2]))),
    der(INTEGER, new Uint8Array([1])),
    algorithm,
    name,
    validity,
    name,
    der(SEQUENCE, der(SEQUENCE, EC_PUBLIC_KEY, PRIME256V1), bitString(publicKey)),
  );
  const signature = p256.sign(body, secretKey, { prehash: true, format: 'der' });
  return der(SEQUENCE, body, algorithm, bitString(signature));
}

/** RFC 5208 and 5915. */
function encodePrivateKey(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const key = der(
    SEQUENCE,
    der(INTEGER, new Uint8Array([1])),
    der(OCTET_STRING, secretKey),
    der(CONTEXT_1, bitString(publicKey)),
  );
  return der(
    SEQUENCE,
    der(INTEGER, new Uint8Array([0])),
    der(SEQUENCE, EC_PUBLIC_KEY, PRIME256V1),
    der(OCTET_STRING, key),
  );
}

function bitString(bytes: Uint8Array): Uint8Array {
  return der(BIT_STRING, new Uint8Array([0]), bytes);
}

/** Tag, length, content; contents here are shorter than 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  const { length } = content;
  const header =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes(new Uint8Array([tag, ...header]), content);
}

function toPem(label: string, bytes: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
