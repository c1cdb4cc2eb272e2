import { chartMutants } from './chart-mutants.ts';
import { diskMutants } from './disk-mutants.ts';
import { driverMutants } from './driver-mutants.ts';
import { launchMutants } from './launch-mutants.ts';
import { liveMutants } from './live-mutants.ts';
import type { Mutant } from './mutant.ts';
import { sourceMutants } from './source-mutants.ts';
import { waveMutants } from './wave-mutants.ts';

/** Every mutant, in the order they are tried. */
export const mutants: readonly Mutant[] = [
  ...driverMutants,
  ...chartMutants,
  ...waveMutants,
  ...diskMutants,
  ...liveMutants,
  ...launchMutants,
  ...sourceMutants,
];
