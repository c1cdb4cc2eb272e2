import { expect, it } from 'vitest';
import { isOfThisMachine, locatorOf } from './open-disk.ts';

it.each([
  ['/disks/vda.raw', true],
  ['nbd+unix:///vda?socket=/run/nbd.socket', true],
  ['nbd://127.0.0.1/vda', true],
  ['nbd://localhost:10810/vda', true],
  ['nbds://[::1]/vda', true],
  ['nbd://10.0.0.7/vda', false],
  ['nbd://localhost.example.com/vda', false],
  // What cannot be understood is somewhere else: opening it says what is wrong.
  ['nbd://127.0.0.1:0x/vda', false],
])('%s is of this machine: %s', (disk, is) => {
  expect(isOfThisMachine(locatorOf(disk))).toBe(is);
});
