import type { RecordedFact } from '#core/event-log/event-log';
import type { RunBlock } from '#simulator/block/spec';
import { plantedRun } from './planted-runs.ts';

const fact = {
  ...{ id: '00000000-0000-4000-8000-000000000001', stream: 'migration-vm-1', revision: 0, position: 1 },
  ...{ type: 'CutoverApproved', data: { by: 'grace' } },
  metadata: {
    ...{ time: 0, actor: 'operator:grace', correlationId: 'w', schemaVersion: 1, previousHash: '0' },
    model: { id: 'migration', version: '1' },
  },
} as unknown as RecordedFact;

const planted = plantedRun(({ vms, faults }) => {
  const cut = faults.some(({ kind }) => kind === 'linkCut');
  const lost = faults.find(({ kind }) => kind === 'trackingLost');
  return cut && lost ? vms.find(({ name }) => name === lost.vm)?.name : undefined;
});

/** A module as `sealift check` runs it, with a bug that takes two faults: what is found by seed can be seen found. */
export const runBlock: RunBlock = async (spec) => ({ ...(await planted(spec)), facts: [fact] });
