import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take far longer than their size lets anyone expect, the longest first. */
export const longest: readonly string[] = [
  'simulator/block/world/crash-everywhere.test.ts',
  'test/coverage/never-exercised.test.ts',
  'test/examples.test.ts',
  'simulator/block/world/block-world.test.ts',
  'test/mutants/mutants.test.ts',
];

/**
 * Runs the longest files first, and the others as vitest does: by how long they took the last time, and in a checkout that
 * has no last time by their sizes. One that came last would be waited for by all but one of the workers.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return ordered(await super.sort(files));
  }
}

/** The same files, those first that are named as the longest. */
export function ordered<T extends Pick<TestSpecification, 'moduleId'>>(files: readonly T[]): T[] {
  const first = longest.flatMap((path) => files.filter(({ moduleId }) => moduleId.endsWith(`/${path}`)));
  return [...first, ...files.filter((file) => !first.includes(file))];
}
