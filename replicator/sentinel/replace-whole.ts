import { chmod, open, rename } from 'node:fs/promises';

/** Puts a file in the place of what is there, whole or not at all, with this mode whatever the mask. Rejects with the error of the system. */
export async function replaceWhole(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(beside, mode);
  await rename(beside, path);
}
