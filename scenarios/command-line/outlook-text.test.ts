import { describe, expect, it } from 'vitest';
import { position, revision, type RecordedFact } from '#core/event-log/event-log';
import { diskId, factId, migrationId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, GiB, instant, millis, minutes } from '#core/units';
import { estateOfRun } from '#scenarios/ahead/estate-of-run';
import { outlooks } from '#scenarios/ahead/outlook';
import { recordedRun } from '#scenarios/ahead/recorded-run';
import type { AheadMember } from '#scenarios/ahead/run-ahead';
import { assumptionLines, isWaitedFor, nothingLeft, outlookLines, presentLines } from './outlook-text.ts';

const noon = instant(43_200_000);
const drafted: MigrationFact = {
  type: 'MigrationDrafted',
  data: {
    plan: {
      ...{ vm: { name: 'web', platform: 'kvm', guest: 'linux' }, disks: [{ id: diskId('vda'), size: bytes(GiB) }] },
      ...{ source: 'kvm://kvm-1/web', target: 'vsphere://simulated/web', downtimeMax: minutes(1), roundsMax: 5 },
      ...{ refreshEvery: minutes(20), approval: 'required', testLaunch: 'optional', handOver: 'launch' },
      ...{ quiesce: { timeout: minutes(4), onRefusal: 'rollBack' }, onValidationFailure: 'rollBack', requester: 'mia' },
    },
  },
};
const failed: readonly MigrationFact[] = [
  drafted,
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationFailed', data: { checks: [] } },
];
const runOf = (...facts: readonly MigrationFact[]) =>
  recordedRun(
    facts.map(({ type, data }, i): RecordedFact => ({
      ...{ id: factId(`00000000-0000-4000-8000-00000000000${i}`), stream: 'migration-web' as const, type, data },
      ...{ revision: revision(i), position: position(i + 1) },
      metadata: {
        ...{ time: noon, actor: 'world', correlationId: 'web', schemaVersion: 2, previousHash: '' },
        model: { id: 'migration', version: '1' },
      },
    })),
  );
const member = (changes: Partial<AheadMember>): AheadMember => ({
  ...{ migration: migrationId('web'), lifecycle: 'cutOver', replication: 'held', rest: 'moved', trouble: null },
  ...{ restedAt: instant(noon + 600_000), downtime: millis(90_000), overBudget: false },
  ...changes,
});

describe('a forecast for a person', () => {
  it('says when the run ends as a time of day and from now, and who is down for how long', () => {
    const folded = outlooks(noon);
    folded.add({ ending: 'atRest', finished: instant(noon + 600_000), members: [member({})] });
    expect(outlookLines(folded.outlook(), noon, minutes(60))).toEqual([
      '1 seed gone on with:',
      '  all at rest',
      '    P50  1970-01-01 12:10:00Z, 10 m 00 s from then',
      '    P90  1970-01-01 12:10:00Z, 10 m 00 s from then',
      '    P99  1970-01-01 12:10:00Z, 10 m 00 s from then',
      '  downtime of a VM: P50 1 m 30 s, P90 1 m 30 s, P99 1 m 30 s',
      'No VM is at risk. Longest down:',
      '  web  down 1 m 30 s, P99 1 m 30 s; ends cutOver 100 %',
    ]);
  });

  it('says who does not move and why, and what does not end in time', () => {
    const folded = outlooks(noon);
    folded.add({ ending: 'atRest', finished: instant(noon + 600_000), members: [member({ overBudget: true })] });
    const trouble = { type: 'notConverging', detail: '' } as const;
    const under = member({ lifecycle: 'protected', rest: undefined, restedAt: null, downtime: millis(0), trouble });
    folded.add({ ending: 'notWithin', finished: null, members: [under] });
    const lines = outlookLines(folded.outlook(), noon, minutes(60));
    expect(lines).toContain('  not within 1 h 00 m in 50 % of the seeds');
    expect(lines.at(-1)).toBe(
      '  web  not moved in 50 % (it is written to faster than deltas cross); final sync over its budget in 50 %; ' +
        'down 1 m 30 s, P99 1 m 30 s; ends cutOver 50 %, protected 50 %',
    );
  });

  it('says where the run stands and what is assumed of people and of what was never seen', async () => {
    const run = await runOf(drafted);
    expect(presentLines(run, instant(noon + 60_000))).toEqual([
      'Last fact 1970-01-01 12:00:00Z, 1 m 00 s before the moment this starts from: 1 of 1 migration on their way',
      '  web  draft, replication idle',
    ]);
    const text = assumptionLines(run, estateOfRun(run).inferences, minutes(5), noon).join('\n');
    expect(text).toContain('approval is given after 5 m 00 s (1 VM not approved yet)');
    expect(text).toContain('used 512 MiB (assumed: half of its disks)');
  });

  it('says that a person is waited for where nothing is left to forecast', async () => {
    const run = await runOf(...failed);
    expect(nothingLeft(run)).toBe(
      'nothing is left to forecast: of 1 migration 1 wait for a person to decide or to remove a cause',
    );
    expect(isWaitedFor(run)).toBe(true);
  });
});
