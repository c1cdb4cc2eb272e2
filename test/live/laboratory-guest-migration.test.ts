import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { commandId, factId } from '#core/ids';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import { ok } from '#core/result';
import { minutes, seconds } from '#core/units';
import { verifyLoad } from '#replicator/connectors/laboratory/guest/load';
import { agentBuild, agentEntry } from '#replicator/sentinel/bundle/agent-build';
import { wallClock } from '#replicator/wall-clock';
import { loadScenario } from '#scenarios/load';
import { migrate, type MigrateOptions } from '#scenarios/migrate';
import type { MigrationScenario } from '#scenarios/migration-scenario';
import { laboratorySentinel } from '#replicator/live/guest-laboratory/guest-laboratory';
import type { OpenGuest } from '#scenarios/open-guest-laboratory';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';

/*
 * One Debian server under load, moved by `scenarios/laboratory-guest.yaml`, in software emulation: it takes its time. The
 * runs go on with one log.
 */
const programs = needs('mmdebstrap', 'guestfish', 'sfdisk', 'mke2fs', 'qemu-system-x86_64', 'qemu-img', 'linux-kernel');

describe.skipIf(!programs.available)(programs.title('a Debian server under load'), () => {
  let data: string;
  let agent: string;
  let log: EventLog;
  let scenario: MigrationScenario;
  let guest: OpenGuest | undefined;

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'sealift-'));
    agent = join(data, 'sentinel.mjs');
    await build({ ...agentBuild, entryPoints: [agentEntry], outfile: agent, define: { sealiftVersion: '"0.0.0"' } });
    log = valueOf(await openSqliteEventLog({ path: join(data, 'run.db'), mode: 'create' }));
    const path = 'scenarios/laboratory-guest.yaml';
    const read = valueOf(loadScenario(await readFile(path, 'utf8'), path));
    if (read.kind !== 'migration') throw new Error(`of kind ${read.kind}`);
    scenario = read;
  }, minutes(2));
  afterAll(async () => {
    await guest?.laboratory.target.remove(scenario.vm.name);
    await guest?.laboratory.target.remove(`${scenario.vm.name}-test`);
    await guest?.laboratory.source.remove();
    await log.close();
    await rm(data, { recursive: true, force: true });
  }, minutes(2));

  const run = async (more: Partial<MigrateOptions>, changes: Partial<MigrationScenario> = {}) =>
    valueOf(
      await migrate({
        ...{
          scenario: { ...scenario, ...changes },
          log,
          clock: wallClock,
          dataDirectory: data,
          agent,
          keepsGuest: true,
        },
        newFactId: () => factId(randomUUID()),
        newCommandId: () => commandId(randomUUID()),
        onGuest: (opened) => (guest = opened),
        ...more,
      }),
    );
  const laboratory = (): OpenGuest['laboratory'] => {
    if (!guest) throw new Error('no run has opened the laboratory');
    return guest.laboratory;
  };
  const facts = async (): Promise<readonly MigrationFact[]> => {
    const all: MigrationFact[] = [];
    for await (const { type, data: content } of log.readStream(`migration-${scenario.id}`))
      all.push({ type, data: content } as MigrationFact);
    return all;
  };
  const last = async <T extends MigrationFactType>(type: T): Promise<MigrationFactOf<T> | undefined> =>
    (await facts()).findLast((fact): fact is MigrationFactOf<T> => fact.type === type);

  it('is tested, and is back in service when its source will not power off', { timeout: minutes(40) }, async () => {
    const { ending } = await run({
      refusesPowerOff: () => 'the host holds a lock on the VM',
      // A guest that ignores what it was asked: else its hypervisor is never asked.
      changeSite: (site) => ({
        ...site,
        powerOffMax: seconds(5),
        agent: { ...site.agent, powerOff: async () => ok(undefined) },
      }),
    });
    expect(ending).toBe('rolledBack');
    expect((await last('FencingFailed'))?.data.reason.detail).toContain('the host holds a lock on the VM');
    // The clone was judged by what it said of itself, and nothing of it is left.
    expect((await last('TestJudged'))?.data.verdict).toBe('passed');
    const { source, target } = laboratory();
    for (const vm of [scenario.vm.name, `${scenario.vm.name}-test`])
      expect(valueOf(await target.find(vm))).toBeUndefined();
    expect(valueOf(await source.power.state())).toBe('running');
    expect(valueOf(await source.shell.run('systemctl is-active sealift-load')).output.trim()).toBe('active');
  });

  it(
    'is cut over with a delta only, and boots on hardware it had no drivers for',
    { timeout: minutes(40) },
    async () => {
      const before = (await facts()).length;
      const { ending } = await run({});
      expect(ending).toBe('cutOver');
      const since = (await facts()).slice(before);
      expect(since.map(({ type }) => type)).not.toContain('TrackingLost');
      expect(since.flatMap((fact) => (fact.type === 'RoundCompleted' ? [fact.data.kind] : []))).toContain('delta');
      expect((await last('TargetValidated'))?.data.checks.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['network-kept', 'account', 'booted', 'hostname', 'load', 'records', 'address']),
      );
      expect((await last('FixUpPlanned'))?.data.edits.length).toBeGreaterThan(2);
    },
  );

  it('has every acknowledged record on both disks, and its source is retired', { timeout: minutes(40) }, async () => {
    let given: { readonly name: string; readonly password?: string } | null = null;
    const { ending } = await run({
      goal: 'finalize',
      // An operator asks for the account of the target before it is given up.
      changeSite: (site) => ({
        ...site,
        agent: {
          ...site.agent,
          uninstall: async () => {
            given = valueOf(await laboratory().guests.ask(laboratorySentinel)('account', {}));
            return site.agent.uninstall();
          },
        },
      }),
    });
    expect(ending).toBe('finalized');
    expect(given).toEqual({ name: 'sealift-look', password: expect.stringMatching(/^[\w-]{24}$/) });
    const { source, target, recorder } = laboratory();
    const verified = valueOf(await verifyLoad(target.shell(scenario.vm.name), recorder));
    expect(verified.missing).toEqual([]);
    expect(verified.report.upTo).toBeGreaterThan(100);
    const inside = valueOf(
      await target
        .shell(scenario.vm.name)
        .run(
          'systemctl is-active sealift-sentinel; ls -d /opt/sealift-sentinel /etc/sealift-sentinel; ls /sys/class/net',
        ),
    );
    expect(inside.output).not.toContain('/opt/sealift-sentinel\n');
    expect(inside.output).toContain('ens3');
    // The account is gone too, and its password is nowhere.
    const left = await target
      .shell(scenario.vm.name)
      .run(
        'getent passwd sealift-look; for at in /home/sealift-look /var/lib/sealift; do [ ! -e $at ] || echo $at; done',
      );
    expect(valueOf(left).output.trim()).toBe('');
    const { password = 'none' } = given ?? { name: '' };
    expect(JSON.stringify(await facts())).not.toContain(password);
    expect(valueOf(await target.console(scenario.vm.name))).not.toContain(password);
    expect(valueOf(await source.power.state())).toBe('off');
    expect((await source.notes()).join()).toContain(`moved to ${scenario.vm.name}`);
  });
});
