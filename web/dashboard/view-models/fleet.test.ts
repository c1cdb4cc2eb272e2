import { beforeAll, describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { everyTemper, smallFleet } from '#test/support/small-fleet';
import { cellsOf, fleetAt, waveCells } from './fleet.ts';
import { filterFacts, factLine } from './fact-list.ts';
import { History } from './history.ts';
import { listDefault } from './route.ts';
import type { MigrationRow } from './row.ts';
import { scrubberOf } from './scrubber.ts';

let history: History;
let start: number;
beforeAll(async () => {
  const fleet = await smallFleet({ tempers: everyTemper, waveSize: 6 });
  await fleet.advance(100);
  await fleet.stop();
  history = new History();
  for await (const fact of fleet.log.readAll()) history.append([fact]);
  start = fleet.start;
});
const indexAt = (minute: number): number => history.indexAtTime(start + minute * 60_000);
const rowOf = (id: string, minute: number): MigrationRow => {
  const row = history.rowsAt(indexAt(minute)).find((one) => one.id === id);
  if (!row) throw new Error(`there is a row ${id}`);
  return row;
};

describe('the fleet', () => {
  it('stands in its waves, in the order of their windows, members in the order of the plan', () => {
    const fleet = fleetAt(history, indexAt(10), listDefault);
    expect(fleet.groups.map(({ wave, rows }) => [wave?.name, rows.map(({ id }) => id)])).toEqual([
      ['Wave 1', ['vm-01', 'vm-02', 'vm-03', 'vm-04', 'vm-05', 'vm-06']],
      ['Wave 2', ['vm-07', 'vm-08', 'vm-09', 'vm-10', 'vm-11', 'vm-12']],
    ]);
    expect(Object.values(fleet.counts).reduce((a, b) => a + b)).toBe(12);
  });

  it('names those that a person is asked about, whatever is filtered', () => {
    const fleet = fleetAt(history, indexAt(60), { ...listDefault, search: 'vm-01' });
    expect(fleet.shown).toBe(1);
    expect(fleet.groups).toHaveLength(1);
    expect(fleet.groups[0]?.total).toBe(6);
    expect(fleet.asking.map(({ id }) => id)).toEqual(['vm-03', 'vm-04', 'vm-11', 'vm-12']);
  });

  it.each([
    ['hyper-v', 'vm-02'],
    ['BLOCKED', 'vm-04'],
    ['datastore stalled', 'vm-03'],
  ])('is searched by platform, state and note: %s', (search, id) => {
    const found = fleetAt(history, indexAt(60), { ...listDefault, search }).groups.flatMap(({ rows }) => rows);
    expect(found.map((row) => row.id)).toContain(id);
    expect(found.length).toBeLessThan(12);
  });

  it('is sorted by what needs attention', () => {
    const [first] = fleetAt(history, indexAt(60), { ...listDefault, sort: 'attention' }).groups;
    expect(first?.rows.slice(0, 2).map(({ health }) => health)).toEqual(['asks', 'asks']);
  });

  it('is empty before its first fact', () =>
    expect(fleetAt(history, -1, listDefault)).toMatchObject({ total: 0, groups: [] }));
});

describe('a row', () => {
  it('says how far a round is and how far behind the replica', () => {
    const syncing = rowOf('vm-01', 1.5);
    expect(syncing).toMatchObject({ health: 'moving', kind: 'full', replication: 'fullSync' });
    expect(cellsOf(syncing, instant(start + 90_000)).progress).toMatch(/^\d+ %, .* left$/);
    const parked = rowOf('vm-01', 30);
    expect(parked.health).toBe('parked');
    expect(cellsOf(parked, instant(start + 30 * 60_000)).lag).not.toBe('');
  });

  it('says what is asked of a person', () => {
    expect(rowOf('vm-04', 60)).toMatchObject({ health: 'asks', note: expect.stringContaining('datastore ds-prod-2') });
    expect(rowOf('vm-11', 60).note).toBe('the test runs and waits for a verdict');
    expect(rowOf('vm-12', 60).note).toBe('waits for approval by someone other than ines');
  });

  it('of a VM that is down counts its downtime, and no lag', () => {
    const index = history.marks.find(({ index: at }) => history.fact(at).type === 'SourceQuiesced')?.index ?? 0;
    const id = history.fact(index).stream.replace('migration-', '');
    const row = history.rowsAt(index).find((one) => one.id === id);
    const cells = row && cellsOf(row, instant((history.timeAt(index) ?? 0) + 5_000));
    expect(row?.health).toBe('down');
    expect(cells).toMatchObject({ downtime: '5.0 s', downtimeRuns: true, lag: '' });
  });

  it('of one whose writes outrun the rounds says so', () =>
    expect(rowOf('vm-02', 60)).toMatchObject({
      notConverging: true,
      note: 'writes come in faster than the rounds shrink',
    }));
});

it('a wave tells how its window lies to the moment', () => {
  const [wave] = history.waveRowsAt(history.lastIndex);
  const at = (minute: number): string => (wave ? waveCells(wave, instant(start + minute * 60_000)).window : '');
  expect(at(30)).toBe('opens in 1 h 00 m, for 1 h 00 m');
  expect(at(100)).toBe('closes in 50 m 00 s, of 1 h 00 m');
  expect(at(155)).toBe('closed 5 m 00 s ago');
});

describe('facts in a list', () => {
  const all = (): readonly number[] => history.migrations.get('vm-10')?.indexes ?? [];

  it('leave bookkeeping out, or everything but trouble', () => {
    const types = (filter: 'milestones' | 'trouble'): ReadonlySet<string> =>
      new Set(filterFacts(history, all(), filter).map((index) => history.fact(index).type));
    expect(types('milestones')).not.toContain('RoundProgressed');
    expect(types('milestones')).toContain('RoundCompleted');
    expect(types('trouble')).toEqual(new Set(['ReplicationDisconnected']));
    expect(filterFacts(history, all(), 'all')).toBe(all());
  });

  it('are told with their offset, actor and meaning', () =>
    expect(factLine(history, all()[0] ?? -1)).toMatchObject({
      offset: '+00:00:00',
      subject: 'vm-10',
      actor: 'operator:maria',
      title: 'Migration of vm-10 drafted',
    }));
});

describe('the scrubber', () => {
  it('draws windows, and of a whole fleet only trouble', () => {
    const view = scrubberOf(history, null);
    expect(view?.bands.map(({ name }) => name)).toEqual(['Window of Wave 1']);
    expect(new Set(view?.marks.map(({ severity }) => severity))).toEqual(new Set(['warning', 'failure']));
    expect(Math.max(...(view?.density ?? []))).toBe(1);
  });

  it('draws everything that matters of one VM', () => {
    const view = scrubberOf(history, new Set(['migration-vm-01']));
    expect(new Set(view?.marks.map(({ severity }) => severity))).toEqual(new Set(['step', 'success']));
  });
});
