import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { webRtcCertificate } from './webrtc-certificate.ts';

describe('the certificate for WebRTC-direct', () => {
  const seed = new Uint8Array(32).fill(9);

  it('is the same for the same seed, and another for another', () => {
    expect(webRtcCertificate(seed)).toEqual(webRtcCertificate(seed));
    expect(webRtcCertificate(new Uint8Array(32)).certhash).not.toBe(webRtcCertificate(seed).certhash);
  });

  it('is a valid self-signed certificate of its private key', () => {
    const { pem, privateKey, certhash } = webRtcCertificate(seed);
    const certificate = new X509Certificate(pem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
    const digest = createHash('sha256').update(certificate.raw).digest();
    expect(certhash).toBe(`u${Buffer.concat([Buffer.from([0x12, 32]), digest]).toString('base64url')}`);
  });
});
