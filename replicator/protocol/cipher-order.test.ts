import { describe, expect, it } from 'vitest';
import { cipherOrder, type TryCipher } from './cipher-order.ts';
import { aesFirst, chachaFirst } from './tls-options.ts';

const taking = (aes: readonly number[], chacha: readonly number[]): TryCipher =>
  (() => {
    const left = { 'aes-128-gcm': [...aes], 'chacha20-poly1305': [...chacha] };
    return (name) => left[name].shift() ?? Infinity;
  })();

describe('the order of ciphers', () => {
  it('begins with AES where the processor has it', () => {
    expect(cipherOrder(taking([1, 1, 1], [3, 3, 3]))).toBe(aesFirst);
  });

  it('begins with ChaCha20 where AES is much slower', () => {
    expect(cipherOrder(taking([16, 16, 16], [5, 5, 5]))).toBe(chachaFirst);
  });

  it('takes the quickest try of each, and a small lead for none', () => {
    expect(cipherOrder(taking([90, 80, 10], [9, 30, 80]))).toBe(aesFirst);
  });

  it('is found out on this machine with the same suites in either order', () => {
    expect(cipherOrder().split(':').toSorted()).toEqual(aesFirst.split(':').toSorted());
  });
});
