import { describe, expect, it } from 'vitest';
import { stepDriver } from '#core/driver/step-driver';
import { position, revision, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { commandId, diskId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { bytes, bytesPerSecond, GiB, instant, MiB, millis, minutes, ratio, seconds } from '#core/units';
import type { Estate } from '#simulator/estate/estate';
import { flowWorld } from '#simulator/flow/flow-world';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { factIds } from '#scenarios/fact-ids';
import { rehearsalLog } from '#scenarios/rehearsal-log';
import { estateOfRun } from './estate-of-run.ts';
import { forecastRun } from './forecast-run.ts';
import { leftOf } from './left.ts';
import { recordedRun } from './recorded-run.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const plan: MigrationPlan = {
  vm: { name: 'web', platform: 'kvm', guest: 'linux' },
  disks: [{ id: diskId('vda'), size: bytes(40 * GiB) }],
  source: 'kvm://kvm-1/web',
  target: 'vsphere://simulated/web',
  downtimeMax: minutes(1),
  roundsMax: 5,
  refreshEvery: minutes(20),
  approval: 'required',
  testLaunch: 'optional',
  handOver: 'launch',
  quiesce: { timeout: minutes(4), onRefusal: 'rollBack' },
  onValidationFailure: 'rollBack',
  requester: 'mia',
};
const estate = (workingSet: number, rate: number): Estate => ({
  hosts: [{ name: 'kvm-1', platform: 'kvm', read: bytesPerSecond(60_000_000) }],
  links: [{ name: 'wan', bandwidth: bytesPerSecond(125_000_000), latency: millis(2), loss: ratio(0, 1) }],
  gateway: { bandwidth: bytesPerSecond(125_000_000), flow: bytesPerSecond(125_000_000) },
  receiver: { bandwidth: bytesPerSecond(125_000_000), flow: bytesPerSecond(125_000_000) },
  vms: [
    {
      ...{ name: 'web', host: 'kvm-1', link: 'wan', guest: 'debian-12' },
      disks: [{ id: diskId('vda'), size: bytes(40 * GiB), used: bytes(20 * GiB), tracked: true }],
      writes: { rate: bytesPerSecond(rate), pattern: 'steady', workingSet: bytes(workingSet) },
    },
  ],
});

/** The log of one migration without a wave, driven to protection and left alone at a moment. */
async function leftAt(lasted: number, world = estate(GiB, MiB), changes: Partial<MigrationPlan> = {}) {
  const clock = virtualClock({ turn, start: instant(0) });
  const rng = seededRng(1);
  const stream: StreamId = 'migration-web';
  const facts: RecordedFact[] = [];
  const driver = stepDriver(migrationModel, stream, {
    ...{ append: rehearsalLog(undefined, clock, () => undefined).append, clock, correlationId: 'web' },
    world: flowWorld({ estate: world, clock, rng }).of('web', plan),
    newFactId: factIds(rng.fork('facts')),
    onFacts: (batch) => {
      for (const fact of batch) {
        const at = { stream, revision: revision(facts.length), position: position(facts.length + 1) };
        facts.push({ ...fact, ...at, metadata: { ...fact.metadata, previousHash: '' } });
      }
    },
    onEnded: () => undefined,
  });
  const command = (type: MigrationCommand['type'], data: object): void =>
    driver.command(
      {
        ...{ id: commandId(rng.uuid()), actor: 'operator:mia', at: clock.now() },
        command: { type, data } as MigrationCommand,
      },
      () => undefined,
    );
  command('DraftMigration', { plan: { ...plan, ...changes } });
  if (lasted > 0) {
    command('VerifySource', {});
    await clock.run(clock.wait(seconds(10)));
    command('StartProtection', {});
    await clock.run(clock.wait(millis(lasted)));
  }
  driver.stop();
  return facts;
}

async function forecast(
  facts: readonly RecordedFact[],
  { approveAfter = millis(0), seeds = 10, horizonDays = 30 } = {},
) {
  const run = await recordedRun(facts);
  const horizon = minutes(horizonDays * 24 * 60);
  const now = run.lastAt ?? instant(0);
  return forecastRun({ run, now, estate: estateOfRun(run), seed: 1, seeds, approveAfter, horizon, turn });
}
const typesOf = (facts: readonly RecordedFact[]): readonly MigrationFact['type'][] =>
  facts.map(({ type }) => type as MigrationFact['type']);

describe('a migration without a wave', () => {
  it('is taken on from the middle of its full sync and moves', async () => {
    const facts = await leftAt(120_000);
    expect(typesOf(facts).at(-1)).toBe('RoundProgressed');
    const { members, finish } = await forecast(facts);
    expect(members).toMatchObject([{ migration: 'web', moved: 10, asks: 0, underWay: 0 }]);
    // 20 GiB at 60 MB/s are six minutes, of which two are behind it; the cutover takes one to three more.
    expect(finish?.smallest).toBeGreaterThan(3 * 60_000);
    expect(finish?.largest).toBeLessThan(10 * 60_000);
  });

  it('ends later by as much as its approval comes later', async () => {
    const facts = await leftAt(600_000);
    const [soon, late] = [await forecast(facts), await forecast(facts, { approveAfter: minutes(60) })];
    const later = (late.finish?.p50 ?? 0) - (soon.finish?.p50 ?? 0);
    expect(later).toBeGreaterThan(50 * 60_000);
    expect(later).toBeLessThan(70 * 60_000);
  });

  it('has a forecast from what is assumed where nothing but its draft is in the log', async () => {
    const facts = await leftAt(0);
    expect(typesOf(facts)).toEqual(['MigrationDrafted']);
    const run = await recordedRun(facts);
    const assumed = estateOfRun(run).inferences.filter(({ from }) => from.startsWith('assumed'));
    expect(assumed.map(({ what }) => what)).toEqual(['used', 'speed', 'writes']);
    expect((await forecast(facts)).members).toMatchObject([{ moved: 10 }]);
  });

  it('is said not to end in time where deltas cross slower than it is written to', async () => {
    const facts = await leftAt(3_000_000, estate(20 * GiB, 80 * MiB), { downtimeMax: seconds(10) });
    const outlook = await forecast(facts, { seeds: 1, horizonDays: 2 });
    expect(outlook).toMatchObject({ notWithin: 1, finish: null });
    expect(outlook.members).toMatchObject([{ underWay: 1, moved: 0 }]);
  });

  it('launches the test that its plan asks for, as whoever carries it out does', async () => {
    const facts = await leftAt(600_000, estate(GiB, MiB), { testLaunch: 'required' });
    expect((await forecast(facts)).members).toMatchObject([{ asks: 0, moved: 10 }]);
  });

  it('says the same for the same seeds', async () => {
    const facts = await leftAt(120_000);
    expect(await forecast(facts)).toEqual(await forecast(facts));
  });

  it('shows in its rounds the estate that is behind it', async () => {
    const run = await recordedRun(await leftAt(600_000));
    expect(leftOf(run)).toEqual(['web']);
    const { hosts, vms } = estateOfRun(run).estate(seededRng(1));
    expect((hosts[0]?.read ?? 0) / 60_000_000).toBeCloseTo(1, 1);
    expect(vms[0]?.disks.map(({ used }) => used)).toEqual([20 * GiB]);
    expect((vms[0]?.writes.rate ?? 0) / MiB).toBeGreaterThan(0.7);
    expect((vms[0]?.writes.rate ?? 0) / MiB).toBeLessThan(1.5);
  });
});
