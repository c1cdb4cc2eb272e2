import { describe, expect, it } from 'vitest';
import type { MigrationFact } from '#core/migration/facts';
import { ok } from '#core/result';
import { minutes, seconds } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { lookAtLedger } from '#simulator/endpoints/guest/ledger';
import { identity, simulatedLaunch, type SimulatedLaunch } from '#test/support/simulated-launch';

const typesOf = (facts: readonly MigrationFact[]): readonly string[] => facts.map(({ type }) => type);
const reasonsOf = (facts: readonly MigrationFact[]): string =>
  facts
    .flatMap(({ type, data }) =>
      'reason' in data && typeof data.reason === 'object' ? [`${type}: ${data.reason.detail}`] : [],
    )
    .join('\n');

/** The source and the target are never both running with their cards connected. */
function neverBoth({ source, vsphere, targets }: SimulatedLaunch): void {
  const talks = vsphere
    .vms()
    .filter(
      ({ config, powerState }) =>
        powerState === 'poweredOn' &&
        config.nics.some(({ connected, network }) => connected && network === 'VM Network'),
    );
  expect(source.guest !== undefined && source.connected && talks.length > 0).toBe(false);
  expect(targets.all().length).toBeLessThanOrEqual(2);
}

/** Everything the source promised is on the disks of a target. */
function lostAt(launch: SimulatedLaunch, promised: number): readonly number[] {
  const disks = launch.targets.of('web-01')?.disks ?? [];
  return lookAtLedger(disks, identity, promised).missing;
}

const withoutFixUp = (site: LaunchSite): LaunchSite => ({
  ...site,
  fixUp: {
    ...site.fixUp,
    open: (disks, options) => ({
      ...site.fixUp.open(disks, options),
      apply: async () => ok({ made: [], prepared: false, whyNot: '' }),
      verify: async () => ok([]),
    }),
  },
});

describe('a guest that is moved to vSphere by the code of production, in virtual time', () => {
  it('is launched from its replicas with all that it promised, and finalised', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({ onChange: neverBoth });
    let promised = 0;
    const ending = await launch.live('finalize', undefined, ({ type }) => {
      if (type === 'SourceQuiesced') promised = launch.source.guest?.acknowledged() ?? 0;
    });
    expect(reasonsOf(await launch.facts())).toBe('');
    expect(ending).toBe('finalized');
    expect(promised).toBeGreaterThan(20);
    expect(lostAt(launch, promised)).toEqual([]);
    // It goes on where the source stopped.
    await launch.clock.run(launch.clock.wait(seconds(60)));
    const target = launch.targets.of('web-01');
    expect(target?.nics()).toMatchObject([{ name: 'ens3', driver: 'vmxnet3', connected: true }]);
    expect(target?.ledger().last).toBeGreaterThan(promised);
    expect(launch.source).toMatchObject({
      guest: undefined,
      connected: false,
      notes: [expect.stringContaining('web-01')],
    });
  });

  it('tells the same story for the same seed', { timeout: 60_000 }, async () => {
    const [one, same, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const launch = simulatedLaunch({ seed });
        await launch.live();
        return JSON.stringify(await launch.facts());
      }),
    );
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  it(
    'is not launched without a fix-up: its console says why, and the source is given back',
    { timeout: 60_000 },
    async () => {
      const launch = simulatedLaunch({ onChange: neverBoth });
      expect(await launch.live('cutOver', withoutFixUp)).toBe('rolledBack');
      const facts = await launch.facts();
      expect(reasonsOf(facts)).toContain('LaunchFailed');
      expect(reasonsOf(facts)).toContain('the initramfs does not find the root file system');
      expect(launch.source.guest?.phase()).toBe('up');
      expect(launch.source.connected).toBe(true);
      expect(launch.vsphere.find('web-01')).toBeUndefined();
      expect(launch.store.paths()).toEqual([]);
      // Once it is fixed up it goes over, from the same replicas.
      expect(await launch.live()).toBe('cutOver');
    },
  );

  it('stays where it is if nobody turns it off: its target gets no network', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({ onChange: neverBoth });
    launch.source.refusesPowerOff = true;
    expect(await launch.live()).toBe('rolledBack');
    const facts = await launch.facts();
    expect(typesOf(facts)).toContain('FencingFailed');
    expect(typesOf(facts)).not.toContain('TargetConnected');
    expect(launch.source.guest?.isAtRest()).toBe(false);
    const before = launch.source.guest?.acknowledged() ?? 0;
    await launch.clock.run(launch.clock.wait(seconds(60)));
    expect(launch.source.guest?.acknowledged()).toBeGreaterThan(before);
  });

  it('is found to lack a record that was promised and did not come over', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({ onChange: neverBoth });
    const ending = await launch.live('cutOver', undefined, ({ type }) => {
      // Behind the back of all who compare: the records of the second disk are those of no moment.
      if (type === 'SourceFenced') void launch.spoil('simulated-vdb.raw', 65_536, 65_536);
    });
    expect(ending).toBe('rolledBack');
    const facts = await launch.facts();
    expect(typesOf(facts)).toContain('ValidationFailed');
    const checks = facts.flatMap(({ type, data }) => (type === 'ValidationFailed' ? data.checks : []));
    expect(checks.find(({ id }) => id === 'ledger')).toMatchObject({ verdict: 'failed', message: 'ledger is failed' });
    const console = facts.flatMap(({ type, data }) => (type === 'ConsoleCaptured' ? [data.text] : []));
    expect(console.join()).toMatch(/Failed to start ledger.service: record \d+ is missing/);
    expect(launch.source.guest?.services().every(({ state }) => state === 'running')).toBe(true);
  });

  it(
    'is tested on a copy in isolation, which is silent, and what was made for it is used',
    { timeout: 60_000 },
    async () => {
      let tested = false;
      const answering: Promise<string>[] = [];
      const launch = simulatedLaunch({
        plan: { testLaunch: 'required' },
        onChange: (one) => {
          neverBoth(one);
          tested ||= one.targets.of('web-01-test') !== undefined;
        },
      });
      const { bootId } = launch.source.guest ?? {};
      const ending = await launch.live('finalize', undefined, ({ type }) => {
        // Two carry the sentinel and are up, and the source is the one that answers.
        if (type === 'TestLaunched' && launch.targets.of('web-01-test')?.phase() === 'up')
          answering.push(
            launch.sentinel.look().then((seen) => (seen.ok ? seen.value.sentinel.bootId : seen.error.type)),
          );
      });
      expect(ending).toBe('finalized');
      expect(tested).toBe(true);
      expect(await Promise.all(answering)).toEqual([bootId]);
      const facts = await launch.facts();
      expect(typesOf(facts)).toContain('TestLaunched');
      const applied = facts.flatMap(({ type, data }) =>
        type === 'StepReported' && data.step === 'fixUpReplica' && data.item === 'apply' ? [data.detail] : [],
      );
      expect(applied.join()).toContain('prepared before the window');
      expect(launch.store.paths().toSorted()).toEqual([
        'simulated-vda.raw.fixup.qcow2',
        'simulated-vdb.raw.fixup.qcow2',
      ]);
    },
  );

  it('is not heard while its cards have no plug in, and comes back by itself', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({ connected: false });
    await launch.open();
    const look = () => launch.clock.run(launch.sentinel.look());
    expect(await look()).toMatchObject({ error: { type: 'Unreachable' } });
    await launch.clock.run(launch.site().power.reconnect());
    await launch.clock.run(launch.clock.wait(minutes(2)));
    expect(await look()).toMatchObject({ ok: true, value: { hostname: 'web-01' } });
  });

  it(
    'boots by a firmware that remembers nothing, since fix-up puts its loader where any looks',
    { timeout: 60_000 },
    async () => {
      const launch = simulatedLaunch({ firmware: 'uefi', onChange: neverBoth });
      expect(await launch.live()).toBe('cutOver');
    },
  );

  it.each(['plan', 'apply', 'verify', 'close'] as const)(
    'is given back where its fix-up fails at %s, and goes over later',
    { timeout: 60_000 },
    async (step) => {
      const launch = simulatedLaunch({ onChange: neverBoth });
      launch.fixUpFails.set(step, 'the appliance died');
      expect(await launch.live()).toBe('rolledBack');
      expect(reasonsOf(await launch.facts())).toContain('the appliance died');
      launch.fixUpFails.clear();
      expect(await launch.live()).toBe('cutOver');
    },
  );

  it('is refused where its kernel has no driver for the target', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({
      change: (system) => ({
        ...system,
        kernels: system.kernels.map((kernel) => {
          const { vmw_pvscsi: _cut, ...drivers } = kernel.drivers;
          return { ...kernel, drivers };
        }),
      }),
    });
    expect(await launch.live()).toBe('rolledBack');
    expect(reasonsOf(await launch.facts())).toContain('was built without vmw_pvscsi');
  });

  it.each([
    ['vsphere: launch', 'after', 'cutOver'],
    ['vsphere: launch', 'before', 'cutOver'],
    ['vsphere: console', 'after', 'cutOver'],
    ['sentinel: quiesce', 'after', 'cutOver'],
    ['sentinel: powerOff', 'after', 'cutOver'],
    ['vsphere: setLinks', 'after', 'cutOver'],
    // An overlay that could not be made fails the fix-up.
    ['make overlay', 'before', 'rolledBack'],
  ] as const)(
    'ends as it can where the answer to "%s" is lost %s it was done: %s',
    { timeout: 60_000 },
    async (operation, when, ending) => {
      const launch = simulatedLaunch({ onChange: neverBoth });
      launch.lost.set(operation, when);
      expect(await launch.live()).toBe(ending);
      expect(launch.lost.size).toBe(0);
      if (ending === 'rolledBack') expect(await launch.live()).toBe('cutOver');
    },
  );

  it('is restarted by HA where its host is lost, connected as it was', { timeout: 60_000 }, async () => {
    const launch = simulatedLaunch({ onChange: neverBoth });
    expect(await launch.live()).toBe('cutOver');
    const before = launch.targets.of('web-01');
    launch.vsphere.hostFails(launch.vsphere.find('web-01')?.host ?? '');
    await launch.clock.run(launch.clock.wait(seconds(120)));
    const after = launch.targets.of('web-01');
    expect(after?.bootId).not.toBe(before?.bootId);
    expect(after?.ledger().missing).toEqual([]);
    expect(launch.vsphere.find('web-01')?.config.nics).toMatchObject([{ connected: true, network: 'VM Network' }]);
  });
});
