import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import type { Edit, FixUp, FixUpError } from '#core/ports/fix-up';
import { err, ok } from '#core/result';
import { minutes, seconds } from '#core/units';
import { verifyLoad } from '#replicator/connectors/laboratory/guest/load';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import { libguestfsFixUp } from '#replicator/fixup/fix-up';
import { overlayOf } from '#replicator/fixup/overlays';
import { laboratorySentinel } from '#replicator/live/guest-laboratory/guest-laboratory';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { differences, recordsIn, type RecordsFound } from '#test/support/acknowledged-records';
import { guestMigration, type GuestMigration, type GuestRun } from '#test/support/guest-migration';
import { needs } from '#test/support/programs';
import { awaitMoment, randomMoment } from '#test/support/random-moments';
import { valueOf } from '#test/support/value-of';

/*
 * One Debian server under load, moved by `scenarios/laboratory-guest.yaml`, in software emulation: it takes its time. The
 * runs go on with one log. Cutovers begin at moments of the load that the seed draws, and each replica is judged by its
 * bytes alone; all but the last are given back.
 */
const programs = needs('mmdebstrap', 'guestfish', 'sfdisk', 'mke2fs', 'qemu-system-x86_64', 'qemu-img', 'linux-kernel');
const patience = { timeout: minutes(40) };

const seed = inject('seed');
// One without fix-up, one with half of it and one that is kept; the others are for nights.
const count = Math.max(3, Number(process.env['SEALIFT_CUTOVERS'] ?? 3));
const others = Array.from({ length: count - 3 }, (_, index) => index + 2);

const title = `a Debian server under load, cut over at ${count} random moments (SEED=${seed})`;
describe.skipIf(!programs.available)(programs.title(title), () => {
  let migration: GuestMigration;
  let all: readonly MigrationFact[] = [];
  /** Records that were acknowledged before the last cutover. */
  let acknowledged = 0;

  beforeAll(async () => {
    migration = await guestMigration();
  }, minutes(2));
  afterAll(() => migration?.remove(), minutes(2));

  const run = async (...options: Parameters<GuestMigration['run']>): Promise<GuestRun> => {
    const ran = await migration.run(...options);
    all = [...all, ...ran.facts];
    // A real run is judged as every other is.
    expect(ran.summary.breaches).toEqual([]);
    return ran;
  };

  /** One run, cut over at the n-th moment, and what was in its replicas when the source was off. */
  const cutOver = async (
    moment: number,
    changeSite: (site: LaunchSite) => LaunchSite = (site) => site,
  ): Promise<GuestRun & { readonly records: RecordsFound; readonly unequal: readonly string[] }> => {
    let found: { readonly records: RecordsFound; readonly unequal: readonly string[] } | undefined;
    const judge = async () => {
      const { source, recorder } = migration.laboratory();
      const unequal = await differences(source.disks, migration.replicas);
      return { unequal, records: await recordsIn(migration.replicas, recorder) };
    };
    const judged = (site: LaunchSite): LaunchSite => ({
      ...site,
      agent: {
        ...site.agent,
        quiesce: async (policy) => {
          await awaitMoment(randomMoment(seed, moment), migration.laboratory().recorder);
          return site.agent.quiesce(policy);
        },
      },
      power: {
        ...site.power,
        // The first thing that is done once the source is proven off; nothing is done to the replica before.
        disconnect: async () => {
          found ??= await judge();
          return site.power.disconnect();
        },
      },
    });
    const ran = await run({ changeSite: (site) => changeSite(judged(site)) });
    if (!found) throw new Error(`the source was not powered off: ${ran.summary.reason?.detail ?? 'nobody says why'}`);
    return { ...ran, ...found };
  };

  const expectEveryRecord = ({ records, unequal }: Awaited<ReturnType<typeof cutOver>>): void => {
    expect(unequal).toEqual([]);
    expect(records.missing).toEqual([]);
    // The load has gone on since the last time.
    expect(records.upTo).toBeGreaterThan(acknowledged);
    acknowledged = records.upTo;
  };
  const expectGivenBack = async (): Promise<void> => {
    const { source, target } = migration.laboratory();
    for (const vm of [migration.scenario.vm.name, `${migration.scenario.vm.name}-test`])
      expect(valueOf(await target.find(vm))).toBeUndefined();
    expect(valueOf(await source.power.state())).toBe('running');
    expect(valueOf(await source.shell.run('systemctl is-active sealift-load')).output.trim()).toBe('active');
    for (const path of migration.replicas) {
      expect(existsSync(path)).toBe(true);
      expect(existsSync(overlayOf({ path, format: 'raw' }).path)).toBe(false);
    }
  };
  /** What was sent since the replica was made, and in which rounds. A reboot costs a rescan, which sends what differs. */
  const expectNoCopy = ({ facts }: GuestRun): void => {
    const rounds = roundsIn(facts);
    const copied = roundsIn(all).find(({ kind }) => kind === 'full');
    expect(rounds.map(({ kind }) => kind)).not.toContain('full');
    expect(rounds.reduce((sum, { sent }) => sum + sent, 0)).toBeLessThan((copied?.sent ?? 0) / 4);
  };

  it('is tested, and is back in service when its source will not power off', patience, async () => {
    const { summary, facts } = await run({
      refusesPowerOff: () => 'the host holds a lock on the VM',
      // A guest that ignores what it was asked: else its hypervisor is never asked.
      changeSite: (site) => ({
        ...site,
        // Its source is started again at the end of this run: what would be prepared here could not be used.
        fixUp: forTestLaunch(site.fixUp),
        powerOffMax: seconds(5),
        agent: { ...site.agent, powerOff: async () => ok(undefined) },
      }),
    });
    expect(summary.ending).toBe('rolledBack');
    expect(last(facts, 'FencingFailed')?.data.reason.detail).toContain('the host holds a lock on the VM');
    // The clone was judged by what it said of itself, and nothing of it is left.
    expect(last(facts, 'TestJudged')?.data.verdict).toBe('passed');
    await expectGivenBack();
  });

  it('is the server that was installed, with all of its units, and its network comes back', patience, async () => {
    const { source, recorder } = migration.laboratory();
    const root = async (command: string): Promise<string> => {
      const { status, output } = valueOf(await source.shell.run(command));
      if (status !== 0) throw new Error(`${command}: ${output}`);
      return output.trim();
    };
    expect(
      await root(
        'hostname; ls /sys/class/net; for at in / /srv; do findmnt -rno FSTYPE,SOURCE $at; done; systemctl --failed -q',
      ),
    ).toBe('laboratory-guest\nens3\nlo\next4 /dev/vda1\nxfs /dev/mapper/data-srv');
    valueOf(await source.power.disconnect());
    expect(await root('cat /sys/class/net/ens3/carrier')).toBe('0');
    valueOf(await source.power.reconnect());
    // Later runs find their sentinel and their load over it.
    await root(
      'for try in $(seq 60); do grep -q 1 /sys/class/net/ens3/carrier && ip -4 -o address show ens3 | grep -q 10.0.2.15 && exit 0; sleep 1; done; exit 1',
    );
    const verified = valueOf(await verifyLoad(source.shell, recorder));
    expect(verified.missing).toEqual([]);
  });

  it('does not boot without fix-up, says why on its console, and is back in service', patience, async () => {
    const stillEqual: string[] = [];
    const ran = await cutOver(0, (site) => ({
      ...site,
      fixUp: withoutEdits(site.fixUp),
      overlays: {
        ...site.overlays,
        // What was launched has written to its overlays, and to nothing else.
        drop: async (replica) => {
          stillEqual.push(...(await differences(migration.laboratory().source.disks, migration.replicas)));
          return site.overlays.drop(replica);
        },
      },
    }));
    expect(ran.summary.ending).toBe('rolledBack');
    expectEveryRecord(ran);
    // The source has not been off since the run before.
    expect(ran.facts.map(({ type }) => type)).not.toContain('TrackingLost');
    expectNoCopy(ran);
    const failure = last(ran.facts, 'LaunchFailed')?.data.reason.detail ?? '';
    expect(failure).toContain('does not find the root file system');
    expect(failure).toContain('ALERT!  UUID=5ea11f70-0d1e-4c6b-9a8e-000000000001 does not exist');
    expect(last(ran.facts, 'ConsoleCaptured')?.data.text).toContain('Dropping to a shell!');
    expect(stillEqual).toEqual([]);
    await expectGivenBack();
  });

  it('has its fix-up undone when that fails half-way, and is back in service', patience, async () => {
    const made: string[] = [];
    const changed: string[] = [];
    const environment = await applianceKernel();
    const ran = await cutOver(1, (site) => ({
      ...site,
      fixUp: breaking(libguestfsFixUp({ environment, onEdit: ({ id }) => void made.push(id) })),
      overlays: {
        ...site.overlays,
        // The replica is the restore point: what was edited is in overlays, which are dropped while the source is off.
        drop: async (replica) => {
          changed.push(...(await differences(migration.laboratory().source.disks, migration.replicas)));
          return site.overlays.drop(replica);
        },
      },
    }));
    expect(ran.summary.ending).toBe('rolledBack');
    expectEveryRecord(ran);
    expectNoCopy(ran);
    expect(last(ran.facts, 'FixUpFailed')?.data.reason.detail).toContain('command false');
    // Some edits had been made, and are not there any more.
    expect(made).toHaveLength(3);
    expect(made.at(-1)).toBe(broken.id);
    expect(changed).toEqual([]);
    await expectGivenBack();
  });

  it.each(others)('has every acknowledged record when it is cut over for the %ith time', patience, async (moment) => {
    const ran = await cutOver(moment, (site) => ({
      ...site,
      fixUp: withoutEdits(site.fixUp),
      target: {
        ...site.target,
        launch: async () => err({ type: 'Refused', operation: 'launch', detail: 'left out' }),
      },
    }));
    expect(ran.summary.ending).toBe('rolledBack');
    expectEveryRecord(ran);
    expectNoCopy(ran);
    await expectGivenBack();
  });

  it('is cut over without another copy, and boots on hardware it had no drivers for', patience, async () => {
    const ran = await cutOver(count - 1);
    expect(ran.summary.ending).toBe('cutOver');
    expectEveryRecord(ran);
    expectNoCopy(ran);
    expect(last(ran.facts, 'TargetValidated')?.data.checks.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['network-kept', 'account', 'booted', 'hostname', 'load', 'records', 'address']),
    );
    expect(last(ran.facts, 'FixUpPlanned')?.data.edits.length).toBeGreaterThan(2);
  });

  it('has every acknowledged record on both disks, and its source is retired', patience, async () => {
    let given: { readonly name: string; readonly password?: string } | null = null;
    const { summary } = await run({
      goal: 'finalize',
      // An operator asks for the account of the target before it is given up.
      changeSite: (site) => ({
        ...site,
        agent: {
          ...site.agent,
          uninstall: async () => {
            given = valueOf(await migration.laboratory().guests.ask(laboratorySentinel)('account', {}));
            return site.agent.uninstall();
          },
        },
      }),
    });
    expect(summary.ending).toBe('finalized');
    expect(given).toEqual({ name: 'sealift-look', password: expect.stringMatching(/^[\w-]{24}$/) });
    const { source, target, recorder } = migration.laboratory();
    const { name } = migration.scenario.vm;
    const verified = valueOf(await verifyLoad(target.shell(name), recorder));
    expect(verified.missing).toEqual([]);
    expect(verified.report.upTo).toBeGreaterThan(100);
    const inside = valueOf(
      await target
        .shell(name)
        .run(
          'systemctl is-active sealift-sentinel; ls -d /opt/sealift-sentinel /etc/sealift-sentinel; ls /sys/class/net',
        ),
    );
    expect(inside.output).not.toContain('/opt/sealift-sentinel\n');
    expect(inside.output).toContain('ens3');
    // The account is gone too, and its password is nowhere.
    const left = await target
      .shell(name)
      .run(
        'getent passwd sealift-look; for at in /home/sealift-look /var/lib/sealift; do [ ! -e $at ] || echo $at; done',
      );
    expect(valueOf(left).output.trim()).toBe('');
    const { password = 'none' } = given ?? { name: '' };
    expect(JSON.stringify(all)).not.toContain(password);
    expect(valueOf(await target.console(name))).not.toContain(password);
    expect(valueOf(await source.power.state())).toBe('off');
    expect((await source.notes()).join()).toContain(`moved to ${name}`);
  });
});

const last = <T extends MigrationFactType>(facts: readonly MigrationFact[], type: T): MigrationFactOf<T> | undefined =>
  facts.findLast((fact): fact is MigrationFactOf<T> => fact.type === type);

const roundsIn = (facts: readonly MigrationFact[]) =>
  facts.flatMap((fact) => (fact.type === 'RoundCompleted' || fact.type === 'FinalSyncCompleted' ? [fact.data] : []));

/** A fix-up that was forgotten: nothing is changed, and nobody notices. */
const withoutEdits = (fixUp: FixUp): FixUp => ({
  ...fixUp,
  open: () => ({
    plan: async () =>
      ok({ version: 1, guest: { family: 'debian', name: 'nobody looked', kernels: [] }, edits: [], findings: [] }),
    apply: async () => ok({ made: [], prepared: false, whyNot: '' }),
    verify: async () => ok([]),
    keepMade: async () => ok({ files: [], whyNot: 'nothing was made' }),
    close: async () => ok(undefined),
  }),
});

const leftOut: FixUpError = { type: 'ToolFailed', step: 'prepare', detail: 'left out of this test' };

/** A fix-up that is made once, for the test launch: it keeps nothing for a later one, and nothing is prepared after it. */
const forTestLaunch = (fixUp: FixUp): FixUp => {
  let opened = 0;
  return {
    ...fixUp,
    open: (disks, options) => {
      opened += 1;
      const session = fixUp.open(disks, options);
      if (opened > 1) return { ...session, plan: async () => err(leftOut) };
      return { ...session, keepMade: async () => ok({ files: [], whyNot: leftOut.detail }) };
    },
  };
};

const broken: Edit = { id: 'broken', what: 'fail', why: 'to see what is left', path: '/broken', run: ['false'] };

/** A fix-up whose third edit fails: a command, after two files that were changed. Nothing is prepared for it. */
const breaking = (fixUp: FixUp): FixUp => ({
  ...fixUp,
  open: (disks, options) => {
    const session = fixUp.open(disks, options);
    return {
      ...session,
      plan: async (target) => {
        if (options?.prepared?.type === 'make') return err(leftOut);
        const planned = await session.plan(target);
        if (!planned.ok) return planned;
        const files = planned.value.edits.filter((edit) => edit.run === undefined && edit.before !== edit.after);
        return ok({ ...planned.value, edits: [...files.slice(0, 2), broken] });
      },
    };
  },
});
