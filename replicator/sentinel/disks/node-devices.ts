import { close, constants, open, read } from 'node:fs';
import { err, ok } from '#core/result';
import type { Devices, OpenDevice } from './devices.ts';

/** The devices of the machine this process runs on. */
export const nodeDevices: Devices = {
  open: (path, way) =>
    new Promise((resolve) => {
      const flags = way === 'direct' ? constants.O_RDONLY | constants.O_DIRECT : constants.O_RDONLY;
      open(path, flags, (cause, handle) => resolve(cause ? err(cause) : ok(deviceOf(handle))));
    }),
};

const deviceOf = (handle: number): OpenDevice => ({
  read: (into, at) =>
    new Promise((resolve) => {
      read(handle, into, 0, into.length, at, (cause, count) => resolve(cause ? err(cause) : ok(count)));
    }),
  close: () => new Promise((resolve) => close(handle, () => resolve())),
});
