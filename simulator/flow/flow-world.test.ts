import { promised } from '#core/driver/stepped-world';
import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact, RoundReport } from '#core/migration/facts';
import { instant, round, bytes, GiB, bytesPerSecond, MiB, millis, ratio, seconds, type Millis } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import { answerLost } from '#simulator/faults/answer-lost';
import { everyoneOnce, type Fault } from '#simulator/faults/fault';
import { linkDown } from '#simulator/faults/link-down';
import { quiesceRefused } from '#simulator/faults/quiesce-refused';
import { trackingLost } from '#simulator/faults/tracking-lost';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { assumptionsWith } from './assumptions.ts';
import { flowWorld } from './flow-world.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const vm: EstateVm = {
  name: 'web-1',
  host: 'kvm-1',
  link: 'wan',
  guest: 'debian-12',
  disks: [
    { id: diskId('vda'), size: bytes(20 * GiB), used: bytes(8 * GiB), tracked: true },
    { id: diskId('vdb'), size: bytes(20 * GiB), used: bytes(4 * GiB), tracked: true },
  ],
  writes: { rate: bytesPerSecond(2 * MiB), pattern: 'steady', workingSet: bytes(2 * GiB) },
};
const estate: Estate = {
  hosts: [{ name: 'kvm-1', platform: 'kvm', read: bytesPerSecond(253_000_000) }],
  links: [{ name: 'wan', bandwidth: bytesPerSecond(125_000_000), latency: millis(5), loss: ratio(0, 1) }],
  gateway: { bandwidth: bytesPerSecond(200_000_000), flow: bytesPerSecond(125_000_000) },
  receiver: { bandwidth: bytesPerSecond(200_000_000), flow: bytesPerSecond(125_000_000) },
  vms: [vm],
};
const rng = seededRng(1).fork('faults');

function machine({
  faults = [],
  of = vm,
  seed = 1,
  progressEvery = seconds(60),
}: { faults?: readonly Fault[]; of?: EstateVm; seed?: number; progressEvery?: Millis } = {}) {
  const clock = virtualClock({ turn });
  const world = flowWorld({ estate: { ...estate, vms: [of] }, clock, rng: seededRng(seed), faults, progressEvery });
  const part = promised(world.of('web-1', { handOver: 'launch' }));
  const reports: MigrationFact[] = [];
  let works = 0;
  const workOf = (effect: Effect, key = `migration-web-1@${(works += 1)}/0`) =>
    ({ key, effect, standing: 'due', since: clock.now() }) as const;
  const perform = (effect: Effect, { key, signal }: { key?: string; signal?: AbortSignal } = {}) =>
    clock.run(part.perform(workOf(effect, key), (fact) => reports.push(fact), signal ?? new AbortController().signal));
  const factsOf = async (effect: Effect): Promise<readonly MigrationFact[]> => {
    const outcome = await perform(effect);
    return outcome.type === 'facts' ? outcome.facts : [];
  };
  const reportOf = async (effect: Effect): Promise<RoundReport> => {
    const [fact] = await factsOf(effect);
    if (fact?.type !== 'RoundCompleted' && fact?.type !== 'FinalSyncCompleted')
      throw new Error(`no report but ${fact?.type}`);
    return fact.data;
  };
  const reconcile = (key: string, effect: Effect) =>
    clock.run(part.reconcile(workOf(effect, key), new AbortController().signal));
  const until = (moment: number) => clock.run(clock.wait(millis(moment - clock.now())));
  return {
    clock,
    world,
    part,
    workOf,
    reports,
    perform,
    factsOf,
    reportOf,
    reconcile,
    until,
    look: () => world.look('web-1'),
  };
}

const initiate: Effect = { type: 'initiateReplication', params: {} };
const full: Effect = { type: 'runFullSync', params: { round: round(0) } };
const delta = (n: number): Effect => ({ type: 'runDeltaSync', params: { round: round(n), dirty: bytes(0) } });
const final = (n: number): Effect => ({ type: 'runFinalSync', params: { round: round(n), dirty: bytes(0) } });
const rescan = (n: number): Effect => ({ type: 'runRescan', params: { round: round(n) } });
const quiesce: Effect = { type: 'quiesceSource', params: { force: false } };
const step = (type: 'fenceSource' | 'fixUpReplica' | 'launchTarget' | 'connectTarget' | 'rollBack'): Effect => ({
  type,
  params: {},
});

/** Every byte of a round is accounted for, in all and disk by disk. */
function expectWhole(report: RoundReport): void {
  expect(report.sent + report.zeroed + report.resumed).toBe(report.planned);
  expect(report.disks.reduce((sum, disk) => sum + disk.sent, 0)).toBe(report.sent);
  expect(report.disks.reduce((sum, disk) => sum + disk.zeroed, 0)).toBe(report.zeroed);
}

describe('rounds of the flow world', () => {
  it('carry what is allocated, then what was written meanwhile', async () => {
    const { reportOf: run, factsOf } = machine();
    await factsOf(initiate);
    const first = await run(full);
    expectWhole(first);
    expect(first.planned).toBe(12 * GiB);
    // What the guest wrote in the two minutes it took; the next round carries a little more.
    expect(first.dirty / MiB).toBeGreaterThan(100);
    const second = await run(delta(1));
    expectWhole(second);
    expect(second.planned).toBeGreaterThanOrEqual(first.dirty);
    expect(second.planned - first.dirty).toBeLessThan(20 * MiB);
    expect(second.dirty).toBeLessThan(first.dirty);
  });

  it('leave nothing dirty once the source is at rest', async () => {
    const { factsOf, reportOf, until, look } = machine();
    await factsOf(initiate);
    const { dirty } = await reportOf(full);
    await factsOf(quiesce);
    expect(look().source).toEqual({ power: 'off', connected: true });
    await until(10 * 3_600_000);
    const last = await reportOf(final(1));
    expectWhole(last);
    expect(last.dirty).toBe(0);
    // Hours at rest add nothing to what was written before.
    expect(last.planned - dirty).toBeLessThan(100 * MiB);
  });

  it('tell how far they are, never less far than before', async () => {
    const { factsOf, perform, reports } = machine();
    await factsOf(initiate);
    await perform(full);
    const done = reports.map((fact) => (fact.type === 'RoundProgressed' ? fact.data.done : -1));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.length).toBeGreaterThan(0);
    expect(Math.min(...done)).toBeGreaterThan(0);
    expect(Math.max(...done)).toBeLessThan(12 * GiB);
  });

  it('are taken up again where they were interrupted', async () => {
    const { factsOf, reportOf, until, reports } = machine({
      faults: [linkDown({ when: { type: 'at', at: instant(60_000) }, lasts: seconds(120) }, { link: 'wan' })],
    });
    await factsOf(initiate);
    expect(await factsOf(full)).toMatchObject([
      { type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason: { type: 'Unreachable' } } },
    ]);
    // While it is down, nobody answers.
    expect(await factsOf(full)).toMatchObject([{ type: 'ReplicationDisconnected' }]);
    await until(180_000);
    const report = await reportOf(full);
    expectWhole(report);
    expect(report.resumed / GiB).toBeGreaterThan(4);
    const done = reports.map((fact) => (fact.type === 'RoundProgressed' ? fact.data.done : -1));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
  });

  it('are given up in the middle and taken up again', async () => {
    const { factsOf, perform, reportOf, clock } = machine();
    await factsOf(initiate);
    const controller = new AbortController();
    clock.schedule(instant(45_000), () => controller.abort());
    await perform(full, { signal: controller.signal });
    expect(clock.now()).toBe(45_000);
    const report = await reportOf(full);
    expectWhole(report);
    expect(report.resumed / GiB).toBeGreaterThan(2);
  });

  it('leave to the next round what an unfinished final sync had not carried', async () => {
    const outage = linkDown({ when: { type: 'at', at: instant(600_500) }, lasts: millis(500) }, { link: 'wan' });
    const { factsOf, reportOf, until } = machine({ faults: [outage] });
    await factsOf(initiate);
    const { dirty } = await reportOf(full);
    await until(560_000);
    await factsOf(quiesce);
    await until(597_000);
    expect(await factsOf(final(1))).toMatchObject([{ type: 'FinalSyncFailed', data: { trackingLost: false } }]);
    await factsOf(step('rollBack'));
    const report = await reportOf(delta(1));
    expectWhole(report);
    expect(report.planned).toBeGreaterThan(dirty);
  });

  it('compare everything once tracking is lost, and never guess a delta', async () => {
    const { factsOf, reportOf, look } = machine({ faults: [trackingLost(rng, everyoneOnce)] });
    await factsOf(initiate);
    const { dirty } = await reportOf(full);
    expect(await factsOf(delta(1))).toMatchObject([{ type: 'TrackingLost', data: { disk: 'vda' } }]);
    expect(look().tracking).toBe('lost');
    // Asked again, it is still lost.
    expect(await factsOf(delta(1))).toMatchObject([{ type: 'TrackingLost' }]);
    const report = await reportOf(rescan(1));
    expect(report.planned).toBe(12 * GiB);
    expect(report.sent).toBeGreaterThanOrEqual(dirty);
    expect(report.sent).toBeLessThan(dirty + 50 * MiB);
    await reportOf(delta(2));
  });

  it('read again for a rescan that was given up, and are not less far for it', async () => {
    const { factsOf, perform, reportOf, clock, reports } = machine({
      faults: [trackingLost(rng, everyoneOnce)],
      progressEvery: seconds(10),
    });
    await factsOf(initiate);
    await reportOf(full);
    await factsOf(delta(1));
    reports.length = 0;
    const controller = new AbortController();
    clock.schedule(instant(clock.now() + 80_000), () => controller.abort());
    await perform(rescan(1), { signal: controller.signal });
    await reportOf(rescan(1));
    const done = reports.map((fact) => (fact.type === 'RoundProgressed' ? fact.data.done : -1));
    expect(done.length).toBeGreaterThan(1);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
  });

  it('read all of a disk whose writes cannot be tracked', async () => {
    const untracked = { ...vm, disks: vm.disks.map((disk) => ({ ...disk, tracked: false })) };
    const quick = machine();
    const slow = machine({ of: untracked });
    for (const { factsOf, reportOf } of [quick, slow]) {
      await factsOf(initiate);
      await reportOf(full);
    }
    const [fast, thorough] = [await quick.reportOf(delta(1)), await slow.reportOf(delta(1))];
    expect(thorough.duration).toBeGreaterThan(fast.duration + 60_000);
    expect(thorough.planned).toBe(fast.planned);
  });
});

describe('side effects of the flow world', () => {
  it('are done once, however often they are asked for under one key', async () => {
    const { perform, look, clock } = machine();
    const first = await perform(quiesce, { key: 'migration-web-1@7/0' });
    const at = clock.now();
    expect(await perform(quiesce, { key: 'migration-web-1@7/0' })).toEqual(first);
    expect(clock.now()).toBe(at);
    expect(look().source.power).toBe('off');
  });

  it('are done once when they are asked for again while they go on', async () => {
    const { perform, part, workOf, clock } = machine();
    const key = 'migration-web-1@7/0';
    const alone = machine();
    await alone.perform(quiesce, { key });
    const signal = new AbortController().signal;
    const again = clock
      .wait(millis(1_000))
      .then(() => part.perform(workOf(quiesce, key), () => undefined, signal))
      .then((outcome) => ({ outcome, at: clock.now() }));
    const first = await perform(quiesce, { key });
    expect(await clock.run(again)).toEqual({ outcome: first, at: alone.clock.now() });
  });

  it.each([
    ['done', ratio(1, 1), 'off'],
    ['notDone', ratio(0, 1), 'running'],
  ] as const)('%s: what became of a lost answer can be asked for', async (found, done, power) => {
    const fault = answerLost(rng, everyoneOnce, { effects: ['quiesceSource'], done, found: 'exactly' });
    const { perform, reconcile, look } = machine({ faults: [fault] });
    const key = 'migration-web-1@7/0';
    expect(await perform(quiesce, { key })).toMatchObject({ type: 'unknown' });
    expect(look().source.power).toBe(power);
    expect(await reconcile(key, quiesce)).toMatchObject({ type: found });
    await perform(quiesce, { key });
    expect(look().source.power).toBe('off');
    expect(await reconcile(key, quiesce)).toMatchObject({ type: 'done', facts: [{ type: 'SourceQuiesced' }] });
  });

  it('may be beyond what the world can tell', async () => {
    const fault = answerLost(rng, everyoneOnce, { effects: ['quiesceSource'], done: ratio(1, 1), found: 'notAtAll' });
    const { perform, reconcile } = machine({ faults: [fault] });
    const key = 'migration-web-1@7/0';
    await perform(quiesce, { key });
    expect(await reconcile(key, quiesce)).toMatchObject({ type: 'cannotTell' });
  });

  it('change nothing when they are given up before they are done', async () => {
    const { perform, reconcile, look, clock } = machine();
    const controller = new AbortController();
    clock.schedule(instant(1_000), () => controller.abort());
    const key = 'migration-web-1@7/0';
    await perform(quiesce, { key, signal: controller.signal });
    expect(clock.now()).toBe(1_000);
    expect(look().source).toEqual({ power: 'running', connected: true });
    expect(await reconcile(key, quiesce)).toEqual({ type: 'notDone' });
  });

  it('are not connected while the source is, whoever asks', async () => {
    const { factsOf, look } = machine();
    await factsOf(step('launchTarget'));
    expect(await factsOf(step('connectTarget'))).toMatchObject([
      { type: 'ConnectionFailed', data: { reason: { type: 'SourceIsConnected' } } },
    ]);
    expect(look().target).toEqual({ power: 'running', connected: false });
    await factsOf(step('fenceSource'));
    expect(await factsOf(step('connectTarget'))).toMatchObject([{ type: 'TargetConnected' }]);
    expect(look()).toMatchObject({ source: { connected: false }, target: { connected: true } });
    await factsOf(step('rollBack'));
    expect(look()).toMatchObject({
      source: { power: 'running', connected: true },
      target: { power: 'none', connected: false },
    });
  });

  it('wait for a guest that does not answer until nobody wants to know any more', async () => {
    const fault = quiesceRefused(rng, everyoneOnce, { manner: 'ignored', reason: '' });
    const { perform, factsOf, look, clock } = machine({ faults: [fault] });
    const controller = new AbortController();
    clock.schedule(instant(240_000), () => controller.abort());
    await perform(quiesce, { signal: controller.signal });
    expect(clock.now()).toBe(240_000);
    expect(look().source.power).toBe('running');
    expect(await factsOf({ type: 'quiesceSource', params: { force: true } })).toMatchObject([
      { type: 'SourceQuiesced', data: { method: 'power off' } },
    ]);
  });

  it('take other times under another seed, and the same under the same', async () => {
    const ends = async (seed: number): Promise<number> => {
      const { factsOf, clock } = machine({ seed });
      await factsOf(quiesce);
      return clock.now();
    };
    expect(await ends(1)).toBe(await ends(1));
    expect(new Set([await ends(1), await ends(2), await ends(3), await ends(4)]).size).toBeGreaterThan(1);
  });
});

describe('what a platform takes its time for', () => {
  const other = { ...vm, name: 'web-2' };
  const launch = async (tasks: number | undefined): Promise<number> => {
    const clock = virtualClock({ turn });
    const vms = [vm, other, { ...vm, name: 'web-3' }];
    const world = flowWorld({
      estate: { ...estate, vms, vcenter: tasks === undefined ? undefined : { tasks } },
      clock,
      rng: seededRng(1),
      assumptions: assumptionsWith({ target: { powerOn: [10, 10] }, guests: { 'debian-12': { boot: [1, 1] } } }),
    });
    const launches = vms.map(({ name }) =>
      promised(world.of(name, { handOver: 'launch' })).perform(
        { key: `migration-${name}@1/0`, effect: step('launchTarget'), standing: 'due', since: clock.now() },
        () => undefined,
        new AbortController().signal,
      ),
    );
    await clock.run(Promise.all(launches));
    return clock.now() / 1_000;
  };

  it('works on so many tasks at a time, and on all at once where nobody counts', async () => {
    // The last boots for a second after its turn; nobody waits in line for a guest that boots.
    expect([await launch(undefined), await launch(2), await launch(1)]).toEqual([11, 21, 31]);
  });

  it('stops a guest with more services later', async () => {
    const rests = async (services: number): Promise<number> => {
      const { factsOf, clock } = machine({ of: { ...vm, services } });
      await factsOf(quiesce);
      return clock.now() / 1_000;
    };
    const [plain, busy] = [await rests(0), await rests(10)];
    expect(busy - plain).toBeGreaterThanOrEqual(20);
    expect(busy - plain).toBeLessThanOrEqual(80);
  });

  it('merges a checkpoint the longer, the more was written beside it', async () => {
    const closes = async (platform: 'kvm' | 'hyperv', rate: number): Promise<number> => {
      const clock = virtualClock({ turn });
      const writer = { ...vm, writes: { ...vm.writes, rate: bytesPerSecond(rate), workingSet: bytes(4 * GiB) } };
      const hosts = estate.hosts.map((host) => ({ ...host, platform }));
      const world = flowWorld({
        estate: { ...estate, hosts, vms: [writer] },
        clock,
        rng: seededRng(1),
        assumptions: assumptionsWith({ platforms: { hyperv: { mergePerGiB: [60, 60], openRound: [1, 1] } } }),
      });
      const part = promised(world.of('web-1', { handOver: 'launch' }));
      const round0 = { key: 'migration-web-1@1/0', effect: full, standing: 'due', since: clock.now() } as const;
      await clock.run(part.perform(round0, () => undefined, new AbortController().signal));
      return clock.now() / 1_000;
    };
    const idle = await closes('hyperv', 0);
    expect((await closes('hyperv', 40 * MiB)) - idle).toBeGreaterThan(100);
    expect(Math.abs((await closes('kvm', 40 * MiB)) - (await closes('kvm', 0)))).toBeLessThan(1);
  });
});
