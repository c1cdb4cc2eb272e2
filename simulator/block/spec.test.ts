import { expect, it } from 'vitest';
import { sampleFault, sampleSpec, sampleVm } from '#test/support/block-specs';
import { plantedRun } from '#test/support/planted-runs';

it('a specification is the same after a way through JSON, and so is an outcome', async () => {
  const spec = sampleSpec({
    vms: [sampleVm('vm-1'), sampleVm('vm-2', { application: 'shop' })],
    faults: [sampleFault('linkCut', 60_000), sampleFault('vmMoved', 1, { vm: 'vm-2' })],
  });
  expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  const outcome = await plantedRun(({ vms }) => vms.at(-1)?.name)(spec);
  expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome);
  expect(outcome).toMatchObject({ ending: 'broken', breaches: [{ stream: 'migration-vm-2' }] });
});
