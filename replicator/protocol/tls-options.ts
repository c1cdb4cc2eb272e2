import { seconds } from '#core/units';

/** Connecting and the handshake together take no longer. Some networks swallow what they do not let through. */
export const connectMax = seconds(10);

const aes = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384';
const chacha = 'TLS_CHACHA20_POLY1305_SHA256';

/** TLS 1.3 suites, the fastest first where AES is: as good as the rest. */
export const aesFirst = `${aes}:${chacha}`;
/** The same suites for a machine on which ChaCha20 is faster. */
export const chachaFirst = `${chacha}:${aes}`;

/** TLS 1.3 and nothing older. */
export const tlsOptions = {
  minVersion: 'TLSv1.3',
  ciphers: aesFirst,
} as const;
