import { randomInt } from 'node:crypto';

/**
 * The seed of one run: `SEED` when given, a fixed one in CI so that a red run is red again, a fresh one otherwise so
 * that every run of a developer looks somewhere new. `test/support/run.ts` prints it.
 */
export function runSeed(environment: Readonly<Record<string, string | undefined>>): number {
  const given = environment['SEED'];
  if (given !== undefined && given !== '') {
    const seed = Number(given);
    if (!Number.isSafeInteger(seed)) throw new RangeError(`SEED must be a whole number, got ${JSON.stringify(given)}`);
    return seed;
  }
  return environment['CI'] === 'true' ? seedInCi : randomInt(2 ** 31);
}

const seedInCi = 20_260_101;
