import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { setImmediate as turn } from 'node:timers/promises';
import type { RunBlock, RunBlockWith } from '#simulator/block/spec';

const path = 'simulator/block/world/block-world.ts';

/** Whether this build has a block world. */
export const hasBlockWorld = (): boolean => existsSync(path);

/** What runs it. Loaded by its path, as a thread of `sealift check` does. */
export async function loadRunBlock(): Promise<RunBlock> {
  const { runBlock } = (await import(pathToFileURL(path).href)) as { readonly runBlock: RunBlockWith };
  return (spec) => runBlock(spec, { turn: () => turn() });
}
