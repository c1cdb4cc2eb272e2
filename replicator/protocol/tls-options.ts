import { seconds } from '#core/units';

/** Connecting and the handshake together take no longer. Some networks swallow what they do not let through. */
export const connectMax = seconds(10);

/** TLS 1.3 and nothing older. AES-128 first: it is the fastest here, and as good as the rest. */
export const tlsOptions = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
} as const;
