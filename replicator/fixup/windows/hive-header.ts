import { open } from 'node:fs/promises';

/*
 * The first block of a hive. Windows raises the first number before it writes and the second one after, so that unequal
 * numbers say that the newest changes are in the logs beside the hive only (SYSTEM.LOG1, SYSTEM.LOG2).
 */

const signature = 'regf';
const headerBytes = 512;
const checksumAt = 508;

/** What a hive says of itself: `clean` has all that was written, `unfinished` not; `unknown` is no hive. */
export function hiveStateOf(header: Uint8Array): 'clean' | 'unfinished' | 'unknown' {
  if (header.length < headerBytes) return 'unknown';
  const block = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  if (block.toString('latin1', 0, 4) !== signature) return 'unknown';
  const isWhole = block.readUInt32LE(checksumAt) === headerChecksum(block);
  return isWhole && block.readUInt32LE(4) === block.readUInt32LE(8) ? 'clean' : 'unfinished';
}

/** The sum over a header that is kept in it: its words by exclusive or, with 0 and all ones left out. */
export function headerChecksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < checksumAt; at += 4) sum = (sum ^ header.readUInt32LE(at)) >>> 0;
  if (sum === 0xffffffff) return 0xfffffffe;
  return sum === 0 ? 1 : sum;
}

/** The same of a file. */
export async function hiveState(file: string): Promise<ReturnType<typeof hiveStateOf>> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
    return hiveStateOf(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
