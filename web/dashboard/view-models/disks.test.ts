import { describe, expect, it } from 'vitest';
import { forecastOf, foldProgress, lagOf, noProgress, type Progress } from '#core/migration/progress';
import type { MigrationFact } from '#core/migration/facts';
import { diskId } from '#core/ids';
import { bytes, GiB, instant, MiB, round, seconds } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { diskTable, type DiskTable } from './disks.ts';

const drafted = (...ids: readonly string[]): MigrationFact => ({
  type: 'MigrationDrafted',
  data: { plan: samplePlan({ disks: ids.map((id) => ({ id: diskId(id), size: bytes(8 * GiB) })) }) },
});
const initiated = (...ids: readonly string[]): MigrationFact => ({
  type: 'ReplicationInitiated',
  data: { disks: ids.map((id) => ({ disk: diskId(id), tracked: true })) },
});
const part = (id: string, sent: number, zeroed = 0) => ({
  ...{ disk: diskId(id), sent: bytes(sent * MiB), zeroed: bytes(zeroed * MiB), root: `root of ${id}` },
});
const reports = (n: number, done: number, total: number): MigrationFact => ({
  type: 'RoundProgressed',
  data: { round: round(n), done: bytes(done * MiB), total: bytes(total * MiB), sent: bytes(done * MiB) },
});
const full = (dirty: number, ...disks: ReturnType<typeof part>[]): MigrationFact => ({
  type: 'RoundCompleted',
  data: sampleReport({ kind: 'full', duration: seconds(5), dirty: bytes(dirty * MiB), disks }),
});

/** One fact every ten seconds; shown ten seconds after the last. */
function shown(facts: readonly MigrationFact[], isBehind = true): DiskTable {
  const progress = facts.reduce<Progress>((so, fact, n) => foldProgress(so, fact, instant(n * 10_000)), noProgress);
  const lagMs = isBehind ? lagOf(progress, instant(facts.length * 10_000)) : null;
  return diskTable(progress, { lagMs, forecastMs: forecastOf(progress) });
}

describe('the table of disks', () => {
  it('shows one disk by the progress of its round', () => {
    const { rows, whole, remark } = shown([drafted('vda'), initiated('vda'), reports(0, 1024, 4096)]);
    expect(rows).toMatchObject([
      {
        ...{ name: 'vda', total: '8.00 GiB', replicated: '1.00 GiB', backlog: '3.00 GiB left', rescanned: '0 B' },
        ...{ detail: 'of 4.00 GiB to copy', bar: { sent: 0.25, zeroed: 0 } },
      },
    ]);
    expect([whole, remark]).toEqual([null, '']);
  });

  it('shares nothing out among disks that was told for all of them', () => {
    const ids = ['vda', 'vdb'];
    const { rows, whole, remark } = shown([drafted(...ids), initiated(...ids), reports(0, 1024, 4096)]);
    expect(rows.map(({ replicated, backlog }) => [replicated, backlog])).toEqual([
      ['—', '—'],
      ['—', '—'],
    ]);
    expect(whole).toMatchObject({ total: '16.0 GiB', replicated: '1.00 GiB', backlog: '3.00 GiB left' });
    expect(remark).toContain('for all disks together');
  });

  it('has all of a disk once a round is complete, with what it was made of', () => {
    const facts = [
      drafted('vda', 'vdb'),
      initiated('vda', 'vdb'),
      full(300, part('vda', 2048, 1024), part('vdb', 512)),
    ];
    const { rows, whole } = shown(facts);
    expect(rows[0]).toMatchObject({
      ...{ replicated: '8.00 GiB', detail: '2.00 GiB copied, 1.00 GiB zero', root: 'root of vda' },
      bar: { sent: 0.25, zeroed: 0.125 },
    });
    expect(whole).toMatchObject({ replicated: '16.0 GiB', backlog: '300 MiB' });
    expect(rows[0]?.backlog).toBe('—');
    const clean = shown([...facts.slice(0, 2), full(0, part('vda', 2048), part('vdb', 512))]);
    expect(clean.rows.map(({ backlog }) => backlog)).toEqual(['0 B', '0 B']);
    expect(clean.remark).toBe('');
  });

  it('has the backlog of each disk where a round told it, and while none runs', () => {
    const dirty = (id: string, left: number) => ({ ...part(id, 2048), dirty: bytes(left * MiB) });
    const facts = [drafted('vda', 'vdb'), initiated('vda', 'vdb'), full(300, dirty('vda', 300), dirty('vdb', 0))];
    const { rows, whole, remark } = shown(facts);
    expect(rows.map(({ backlog }) => backlog)).toEqual(['300 MiB', '0 B']);
    expect([whole?.backlog, remark]).toEqual(['300 MiB', '']);
    const running = shown([...facts, reports(1, 100, 300)]);
    expect(running.rows.map(({ backlog }) => backlog)).toEqual(['—', '—']);
    expect(running.whole?.backlog).toBe('200 MiB left');
    const lost: MigrationFact = { type: 'TrackingLost', data: { disk: diskId('vda'), detail: 'reboot' } };
    expect(shown([...facts, lost]).rows.map(({ backlog }) => backlog)).toEqual(['—', '—']);
  });

  it('tells what was carried over since and what rescans found', () => {
    const later = (n: number, kind: 'delta' | 'rescan', sent: number): MigrationFact => ({
      type: 'RoundCompleted',
      data: sampleReport({ round: round(n), kind, disks: [part('vda', sent)] }),
    });
    const facts = [drafted('vda'), initiated('vda'), full(0, part('vda', 2048)), later(1, 'delta', 64)];
    expect(shown(facts).rows[0]).toMatchObject({
      detail: '2.00 GiB copied, 64.0 MiB carried over since',
      rescanned: '0 B',
    });
    const rescanned = shown([...facts, later(2, 'rescan', 3), later(3, 'rescan', 1)]);
    expect(rescanned.rows[0]?.rescanned).toBe('8.00 GiB × 2');
    expect(rescanned.rows[0]?.detail).toContain('4.00 MiB differed in rescans');
  });

  it('does not know the backlog while tracking is lost', () => {
    const lost: MigrationFact = { type: 'TrackingLost', data: { disk: diskId('vda'), detail: 'reboot' } };
    const facts = [drafted('vda'), initiated('vda'), full(0, part('vda', 2048)), lost];
    expect(shown(facts).rows[0]?.backlog).toBe('—');
    expect(shown([...facts, reports(1, 2048, 8192)]).rows[0]?.backlog).toBe('6.00 GiB left');
  });

  it('says how far behind the replica is and what a cutover would cost at least', () => {
    const { figures } = shown([drafted('vda'), initiated('vda'), full(200, part('vda', 2048))]);
    expect(figures).toMatchObject([
      // The round began five seconds before it was over, and that is ten seconds ago.
      { name: 'Lag', value: '15.0 s', detail: 'the replica shows the source at 1970-01-01 00:00:15Z' },
      { name: 'Forecast downtime', value: 'at least 3.0 s' },
    ]);
  });

  it('has no lag before the first round, and none after the last', () => {
    expect(shown([drafted('vda')]).figures).toMatchObject([{ value: '—' }, { value: '—' }]);
    const final: MigrationFact = { type: 'FinalSyncCompleted', data: sampleReport({ round: round(1), kind: 'final' }) };
    const over = shown([drafted('vda'), initiated('vda'), full(200, part('vda', 2048)), final], false);
    expect(over.figures).toMatchObject([{ value: 'none', detail: 'the final sync is over' }, { value: '—' }]);
  });

  it('is empty before the draft', () => expect(shown([])).toMatchObject({ rows: [], whole: null }));
});
