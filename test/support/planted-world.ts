import { plantedRun } from './planted-runs.ts';

/** A module as `sealift check` runs it, with a bug that takes two faults: what is found by seed can be seen found. */
export const runBlock = plantedRun(({ vms, faults }) => {
  const cut = faults.some(({ kind }) => kind === 'linkCut');
  const lost = faults.find(({ kind }) => kind === 'trackingLost');
  return cut && lost ? vms.find(({ name }) => name === lost.vm)?.name : undefined;
});
