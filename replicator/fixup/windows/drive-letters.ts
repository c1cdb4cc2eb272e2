import type { GuestDevice } from '#core/ports/fix-up';
import type { RegistryValues } from '#core/ports/windows-guest';
import { valueNamed } from './registry.ts';

// On GPT a volume is known by the id of its partition after this, on MBR by the disk's signature and an offset.
const gptPrefix = Buffer.from('DMIO:ID:', 'latin1');
const mbrBytes = 12;

/** Whether the volume with this letter is on these disks. One that Windows gave to nothing yet is not. */
export function letterIsHere(
  devices: readonly GuestDevice[],
  mounted: RegistryValues | null | undefined,
  letter: string,
): boolean {
  const value = valueNamed(mounted, `\\DosDevices\\${letter}:`);
  if (value?.type !== 'bytes') return false;
  const id = Buffer.from(value.hex, 'hex');
  if (id.subarray(0, gptPrefix.length).equals(gptPrefix)) {
    const partition = guidText(id.subarray(gptPrefix.length));
    return devices.some(({ partUuid }) => partUuid.toLowerCase() === partition);
  }
  if (id.length !== mbrBytes) return false;
  const signature = id.readUInt32LE().toString(16).padStart(8, '0');
  return devices.some(({ partUuid }) => partUuid.toLowerCase().startsWith(`${signature}-`));
}

/** An id as text: its first three parts are numbers with their lowest byte first. */
function guidText(bytes: Buffer): string {
  const hex = (from: number, to: number): string => bytes.toString('hex', from, to);
  const turned = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  return [turned(0, 4), turned(4, 6), turned(6, 8), hex(8, 10), hex(10, 16)].join('-');
}
