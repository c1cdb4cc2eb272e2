import { describe, expect, it } from 'vitest';
import { guest, planFor } from '#test/support/guest-samples';
import { movedNics } from '#test/support/network-samples';
import { valueOf } from '#test/support/value-of';
import { parsePlan } from './plan-file.ts';

describe('a plan in a file', () => {
  const plan = planFor(guest('debian'), { nics: movedNics });

  it('is read as it was written, with the NICs it is for', () => {
    expect(plan.target?.nics).toEqual(movedNics);
    expect(valueOf(parsePlan(JSON.stringify(plan)))).toEqual(plan);
  });

  it('is read where it does not say which NICs there are', () => {
    const { nics: _, ...target } = plan.target ?? { controller: 'pvscsi', nicModel: 'vmxnet3' };
    expect(valueOf(parsePlan(JSON.stringify({ ...plan, target })))).toEqual({ ...plan, target });
  });

  it('is refused with a sentence where something is in it that nobody knows', () => {
    const target = { ...plan.target, nics: [{ mac: 'x', name: 'y', speed: 10 }] };
    expect(parsePlan(JSON.stringify({ ...plan, target }))).toMatchObject({
      ok: false,
      error: expect.stringContaining('speed') as string,
    });
    expect(parsePlan('{')).toMatchObject({ ok: false });
  });
});
