import { mkdtempSync, rmSync } from 'node:fs';
import { rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filePlace, type FilePlace } from './sqlite-place.ts';

// What happened to the file is heard of when the event loop next comes round.
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the place of an open file', () => {
  let folder: string;
  let path: string;
  let place: FilePlace;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-place-'));
    path = join(folder, 'log.db');
    await writeFile(path, 'facts');
    place = filePlace(path);
    expect(place.isKept()).toBe(true);
  });
  afterEach(() => {
    place.close();
    rmSync(folder, { recursive: true });
  });

  it('is kept while the file is written to', async () => {
    await writeFile(path, 'more facts');
    expect(place.isKept()).toBe(true);
  });

  it('is not kept once the name is gone, and is again when it comes back', async () => {
    await rename(path, `${path}.moved`);
    await turn();
    expect(place.isKept()).toBe(false);
    await rename(`${path}.moved`, path);
    expect(place.isKept()).toBe(true);
  });

  it('is not kept once the file was removed', async () => {
    await unlink(path);
    await turn();
    expect(place.isKept()).toBe(false);
  });

  it('is not kept once another file has its name', async () => {
    await writeFile(`${path}.other`, 'other facts');
    await rename(`${path}.other`, path);
    await turn();
    expect(place.isKept()).toBe(false);
  });

  it('is looked at every time where nothing is watched any more', async () => {
    place.close();
    await rm(path);
    expect(place.isKept()).toBe(false);
  });
});
