import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { bytes, MiB } from '#core/units';
import { markBook, type MarkableDisk } from './mark-book.ts';

const mark = (number: number, owner = 'm-1'): ChangeMark => ({ owner, number });
const disk = (name: string, more: Partial<MarkableDisk> = {}): MarkableDisk => ({
  id: diskId(name),
  size: bytes(16 * MiB),
  identity: `1:${name}`,
  dev: name.charCodeAt(2),
  scatteredDiscards: false,
  trackable: true,
  ...more,
});
const [vda, vdb] = [disk('vda'), disk('vdb')];
const both = [vda, vdb];
const write = (to: MarkableDisk, sector: number, isDiscard = false) => ({ dev: to.dev, sector, sectors: 8, isDiscard });
const lost = (name: string, detail: string) => ({
  ok: false,
  error: { type: 'TrackingLost', disk: name, detail: expect.stringContaining(detail) },
});

describe('marks', () => {
  it('record what is written to their disks, each from its own beginning on', () => {
    const book = markBook();
    book.begin(mark(0), both);
    book.note(write(vda, 0));
    book.begin(mark(0, 'another'), both);
    book.note(write(vda, 1_024));
    const dirty = (of: ChangeMark) => book.changes(of, both);
    expect(dirty(mark(0))).toEqual({
      ok: true,
      value: [
        { disk: 'vda', dirty: 131_072 },
        { disk: 'vdb', dirty: 0 },
      ],
    });
    expect(dirty(mark(0, 'another'))).toMatchObject({ value: [{ dirty: 65_536 }, { dirty: 0 }] });
  });

  it('are advanced at one instant: every write is in the one or in the other, and asking again changes nothing', () => {
    const book = markBook();
    book.begin(mark(0), both);
    book.note(write(vda, 0));
    for (let times = 0; times < 2; times += 1) expect(book.advance(mark(0), mark(1), both).ok).toBe(true);
    book.note(write(vda, 1_024));
    const frozen = book.frozen(mark(0), vda.id, both);
    expect(frozen.ok && frozen.value.dirty).toBe(65_536);
    expect(book.changes(mark(1), both)).toMatchObject({ value: [{ dirty: 65_536 }, { dirty: 0 }] });
    expect(book.frozen(mark(1), vda.id, both)).toMatchObject({ error: { type: 'Refused' } });
    expect(book.begin(mark(0), both)).toMatchObject({ error: { type: 'Refused' } });
    expect(book.advance(mark(1), mark(1), both)).toMatchObject({ error: { type: 'Refused' } });
  });

  it('that are not there are lost', () => {
    const book = markBook();
    expect(book.changes(mark(3), both)).toMatchObject(lost('vda', 'restarted'));
    expect(book.advance(mark(3), mark(4), both)).toMatchObject(lost('vda', 'restarted'));
    book.begin(mark(0), both);
    book.advance(mark(0), mark(1), both);
    book.drop(mark(1));
    // Between the two, nobody recorded.
    expect(book.advance(mark(0), mark(2), both)).toMatchObject(lost('vda', 'stopped recording'));
    book.dropAllOf('m-1');
    expect(book.changes(mark(0), both)).toMatchObject(lost('vda', 'restarted'));
  });

  it('that record are lost with a record; those that are frozen had all of theirs', () => {
    const book = markBook();
    book.begin(mark(0), both);
    book.advance(mark(0), mark(1), both);
    book.loseRecording('12 requests were not recorded');
    expect(book.changes(mark(0), both).ok).toBe(true);
    expect(book.advance(mark(1), mark(2), both)).toMatchObject(lost('vda', '12 requests'));
    expect(book.changes(mark(2), both)).toMatchObject(lost('vda', 'not there'));
  });

  it.each([
    ['appears', [vda, vdb, disk('vdc')], 'vdc', 'appeared'],
    ['vanishes', [vda], 'vdb', 'not there any more'],
    ['grows', [vda, disk('vdb', { size: bytes(17 * MiB) })], 'vdb', `now has ${17 * MiB}`],
    ['is exchanged', [disk('vda', { identity: '2:vda' }), vdb], 'vda', 'another disk'],
  ])('are lost when a disk %s', (_, now, name, detail) => {
    const book = markBook();
    book.begin(mark(0), both);
    expect(book.changes(mark(0), now)).toMatchObject(lost(name, detail));
    expect(book.advance(mark(0), mark(1), now)).toMatchObject(lost(name, detail));
  });

  it('are lost by discards of a driver that merges what does not touch', () => {
    const nvme = disk('nvme0n1', { scatteredDiscards: true });
    const book = markBook();
    book.begin(mark(0), [nvme]);
    book.note(write(nvme, 0));
    expect(book.changes(mark(0), [nvme]).ok).toBe(true);
    book.note(write(nvme, 64, true));
    expect(book.changes(mark(0), [nvme])).toMatchObject(lost('nvme0n1', 'discards'));
  });

  it('have nothing of disks that cannot be tracked', () => {
    const untracked = disk('pmem0', { trackable: false });
    const book = markBook();
    book.begin(mark(0), [vda, untracked]);
    expect(book.changes(mark(0), [vda, untracked])).toMatchObject({ value: [{ disk: 'vda' }] });
    book.advance(mark(0), mark(1), [vda, untracked]);
    expect(book.frozen(mark(0), untracked.id, [vda, untracked])).toMatchObject(lost('pmem0', 'no record'));
  });

  it('of owners with similar names are told apart', () => {
    const book = markBook();
    book.begin(mark(0, 'a:b'), both);
    book.dropAllOf('b');
    expect(book.records).toBe(true);
    book.dropAllOf('a:b');
    expect(book.records).toBe(false);
  });
});
