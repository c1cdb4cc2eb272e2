import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { bytes, MiB } from '#core/units';
import type { Bitmap, KvmDisk } from './inventory.ts';
import { formatMarkName } from './mark-name.ts';
import { planAdvance, planBegin, planRemoval } from './marks.ts';

const size = bytes(MiB);
const mark = (number: number): ChangeMark => ({ owner: 'm', number });
const name = (number: number, disks = 1): string => formatMarkName({ ...mark(number), size, disks });
const bitmap = (number: number, state: Partial<Bitmap> = {}): Bitmap => ({
  name: name(number),
  count: 0,
  recording: true,
  busy: false,
  inconsistent: false,
  ...state,
});
const frozen = { recording: false };
const disk = (...bitmaps: readonly Bitmap[]): KvmDisk => ({ id: diskId('vda'), node: 'node-a', size, bitmaps });
const steps = (planned: ReturnType<typeof planBegin>) =>
  planned.ok
    ? planned.value.map(({ type, data }) => `${type.replace('block-dirty-bitmap-', '')} ${String(data['name'])}`)
    : planned.error.type;

describe('planBegin', () => {
  it.each([
    ['begins it where it is not', disk(), [`add ${name(0)}`]],
    ['does nothing where it records', disk(bitmap(0)), []],
    ['refuses where it is frozen', disk(bitmap(0, frozen)), 'Refused'],
    ['calls it lost where QEMU does not trust it', disk(bitmap(0, { inconsistent: true })), 'TrackingLost'],
  ])('%s', (_, given, expected) => {
    expect(steps(planBegin([given], mark(0)))).toEqual(expected);
  });
});

describe('planAdvance', () => {
  it.each([
    ['begins the next before it freezes the last', disk(bitmap(0)), [`add ${name(1)}`, `disable ${name(0)}`]],
    ['does nothing where it was done', disk(bitmap(0, frozen), bitmap(1)), []],
    ['freezes what overlaps', disk(bitmap(0), bitmap(1)), [`disable ${name(0)}`]],
    ['calls it lost where there was none', disk(), 'TrackingLost'],
    ['calls it lost where only the next is', disk(bitmap(1)), 'TrackingLost'],
    ['calls it lost where it stopped before the next began', disk(bitmap(0, frozen)), 'TrackingLost'],
    ['calls it lost where the next stopped, too', disk(bitmap(0, frozen), bitmap(1, frozen)), 'TrackingLost'],
    ['calls it lost where the last is not trusted', disk(bitmap(0, { inconsistent: true })), 'TrackingLost'],
    ['calls it lost where the next is not trusted', disk(bitmap(0), bitmap(1, { inconsistent: true })), 'TrackingLost'],
    ['calls it lost where the disk grew', { ...disk(bitmap(0)), size: bytes(2 * MiB) }, 'TrackingLost'],
  ])('%s', (_, given, expected) => {
    expect(steps(planAdvance([given], mark(0), mark(1)))).toEqual(expected);
  });

  it('does nothing to any disk if one of them lost its mark', () => {
    const good = disk({ ...bitmap(0), name: name(0, 2) });
    expect(steps(planAdvance([good, { ...disk(), id: diskId('vdb') }], mark(0), mark(1)))).toBe('TrackingLost');
  });

  it('notices that there are fewer disks than there were', () => {
    expect(steps(planAdvance([disk({ ...bitmap(0), name: name(0, 2) })], mark(0), mark(1)))).toBe('TrackingLost');
  });
});

describe('planRemoval', () => {
  it('removes what is chosen, and of others nothing', () => {
    const others = { ...bitmap(0), name: 'nightly-backup' };
    const chosen = planRemoval([disk(bitmap(0), bitmap(1), others)], ({ number }) => number === 1);
    expect(chosen).toEqual([{ type: 'block-dirty-bitmap-remove', data: { node: 'node-a', name: name(1) } }]);
  });
});
