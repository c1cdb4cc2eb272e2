import { describe, expect, it } from 'vitest';
import { nicOf } from './arguments.ts';

describe('a NIC on the command line', () => {
  it('is a name and an address, and after a comma the address it had', () => {
    const first = nicOf('ens3=52:54:00:AB:00:03', []);
    expect(nicOf('ens4=00:50:56:00:00:04,52:54:00:00:00:04', first)).toEqual([
      { name: 'ens3', mac: '52:54:00:ab:00:03' },
      { name: 'ens4', mac: '00:50:56:00:00:04', formerMac: '52:54:00:00:00:04' },
    ]);
  });

  it.each([
    'ens3',
    'ens3=52:54',
    '=52:54:00:00:00:03',
    'ens3=52:54:00:00:00:03,',
    'ens3=52:54:00:00:00:03,52:54:00:00:00:04,52:54:00:00:00:05',
  ])('is refused as %s', (text) => expect(() => nicOf(text, [])).toThrow('It is a name and an address'));
});
