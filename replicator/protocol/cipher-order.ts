import { createCipheriv } from 'node:crypto';
import { KiB } from '#core/units';
import { aesFirst, chachaFirst } from './tls-options.ts';

/*
 * Which cipher a guest asks for first. AES-GCM needs instructions of the processor; a hypervisor's default model of one often
 * has none of them, and then ChaCha20 is about three times as quick. The processor's flags do not tell whether its
 * instructions are quick (an emulator may have them and carry them out one by one), so it is tried out.
 */

/** What one try enciphers: as much as sixteen TLS records, some milliseconds where it is slow. */
const pieceLength = 256 * KiB;
const tries = 3;
/** How much quicker ChaCha20 must be: another process at the wrong moment should not decide. */
const margin = 1.5;

/** Tells how long enciphering one piece took, in any unit. */
export type TryCipher = (name: 'aes-128-gcm' | 'chacha20-poly1305') => number;

/** The order of suites for this machine, found out by trying: takes some milliseconds, at most a tenth of a second where all of it is emulated. */
export function cipherOrder(tryCipher: TryCipher = timed()): string {
  const quickest = (name: Parameters<TryCipher>[0]): number =>
    Math.min(...Array.from({ length: tries }, () => tryCipher(name)));
  return quickest('aes-128-gcm') > quickest('chacha20-poly1305') * margin ? chachaFirst : aesFirst;
}

function timed(): TryCipher {
  const piece = Buffer.alloc(pieceLength);
  const keyLength = { 'aes-128-gcm': 16, 'chacha20-poly1305': 32 } as const;
  return (name) => {
    const begun = process.hrtime.bigint();
    // The key is thrown away, and nothing that it enciphers leaves this function.
    const cipher = createCipheriv(name as 'aes-128-gcm', Buffer.alloc(keyLength[name]), Buffer.alloc(12));
    cipher.update(piece);
    cipher.final();
    return Number(process.hrtime.bigint() - begun);
  };
}
