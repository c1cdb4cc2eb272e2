import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MigrationFactType } from '#core/migration/facts';
import { bytes, bytesPerSecond, MiB, seconds } from '#core/units';
import type { Laboratory } from '#replicator/connectors/laboratory/laboratory';
import { isListening } from '#replicator/connectors/laboratory/qemu-process';
import { monitorName, startLaboratory } from '#replicator/connectors/laboratory/start';
import type { MigrateOptions } from '#scenarios/migrate';
import { applianceSite } from '#test/support/appliances';
import type { MigrateProcess } from '#test/support/migrate-process';
import {
  laboratoryPrograms as programs,
  migrateSite,
  sameDisks,
  scenarioFrom,
  type MigrateSite,
} from '#test/support/migrate-site';
import { valueOf } from '#test/support/value-of';

// Where each step of a migration is about to begin, or has begun and is not known to have ended. Every single step is
// tried in migrate-every-step.test.ts; here it is a process, a kernel and a real QEMU.
const moments: readonly MigrateProcess['death'][] = [
  { fact: 'RoundProgressed', nth: 2 }, // in the middle of the full sync
  { fact: 'CutoverStarted', nth: 1 }, // at the start of a delta sync
  { fact: 'EffectRequested', nth: 2 }, // to stop the guest
  { fact: 'SourceQuiesced', nth: 1 }, // at the start of the final sync
  { fact: 'SourceFenced', nth: 1 }, // at the start of the comparison
];

let site: MigrateSite;
beforeEach(async () => {
  site = await migrateSite();
});
afterEach(() => site.dispose());

/** Runs `migrate` in a process of its own until it is killed. */
async function runAndDie(scenario: string, death: MigrateProcess['death']): Promise<void> {
  const asked: MigrateProcess = { scenario, folder: site.folder, logPath: site.logPath, death };
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/support/migrate-process.ts', JSON.stringify(asked)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => said.push(line));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal, `it said ${said.join(' ')}`).toBe('SIGKILL');
}

/** Does something once, as soon as a fact of that name is durable. */
function onceAfter(fact: MigrationFactType, act: () => void): Pick<MigrateOptions, 'onFacts'> {
  let done = false;
  return {
    onFacts: (facts) => {
      if (done || !facts.some(({ type }) => type === fact)) return;
      done = true;
      act();
    },
  };
}

describe.skipIf(!programs.available)(programs.title('a guest that outlives whoever migrates it'), () => {
  let guest: Laboratory;
  const bootGuest = async (): Promise<void> => {
    guest = valueOf(
      await startLaboratory({
        directory: join(site.folder, 'guest'),
        diskSize: bytes(32 * MiB),
        writer: { bytesPerSecond: bytesPerSecond(MiB) },
        seed: 5,
        existingDisks: 'boot',
      }),
    );
  };
  beforeEach(bootGuest);
  afterEach(() => guest.kill());

  const patience = seconds(5);
  const textOf = (id: string, more = ''): string =>
    `{ kind: migration, id: ${id}, title: T, why: W, vm: { name: guest }, source: { qmp: '${guest.qmpSocket}' }, approval: given, refreshEvery: 1 s${more} }`;
  const expectEqual = async (target: string | undefined, why: string): Promise<void> =>
    expect(await sameDisks(guest.disks[0]?.path ?? '', target ?? ''), why).toBe(true);

  it(
    'is migrated all the same, and given back as it was found, whenever the process is killed',
    { timeout: 600_000 },
    async () => {
      for (const [index, death] of moments.entries()) {
        const why = `${death.fact} ${death.nth}`;
        // Two seconds of full sync, so that there is a middle to die in.
        const text = textOf(`m${index}`, ', bandwidthMax: 4 MiB/s');
        const scenario = scenarioFrom(text);
        await runAndDie(text, death);
        const summary = await site.run(scenario, { patience });
        expect(summary, why).toMatchObject({ ending: 'cutOver', failedChecks: [] });
        await expectEqual(summary.replicas[0]?.target, why);
        expect(summary.rounds.filter(({ kind }) => kind === 'full').length, why).toBe(1);
        expect(await site.run(scenario, { patience, goal: 'rollBack' }), why).toMatchObject({ ending: 'rolledBack' });
        expect(await site.run(scenario, { patience, goal: 'cancel' }), why).toMatchObject({ ending: 'cancelled' });
      }
      expect((await site.factsOf('RolledBack')).map(({ data }) => data.source)).toEqual(moments.map(() => 'running'));
      valueOf(await guest.heartbeatReached(guest.heartbeat() + 1));
      await site.replayed();
    },
  );

  it('whose QEMU is killed in a round and started again is compared block by block, and ends equal', async () => {
    const text = textOf('restarted', ', bandwidthMax: 4 MiB/s').replace('approval: given', 'approval: required');
    const scenario = scenarioFrom(text);
    let back: Promise<unknown> = Promise.resolve();
    const restart = onceAfter('RoundProgressed', () => {
      back = guest.kill().then(bootGuest);
    });
    // Comparing is quicker than booting: without this the guest would be stopped before it has begun.
    const approve = (): Promise<string> => back.then(() => 'operator');
    const summary = await site.run(scenario, { patience, approve, ...restart });
    await back;
    expect(summary).toMatchObject({ ending: 'cutOver', failedChecks: [] });
    await expectEqual(summary.replicas[0]?.target, 'after a restart');
    expect((await site.factsOf('ReplicationDisconnected')).map(({ data }) => data.endpoint)).toContain('source');
    expect(await site.factsOf('TrackingLost')).not.toEqual([]);
    expect(summary.rounds[0]?.kind).toBe('rescan');
  });

  it.each(['SourceQuiesced', 'FinalSyncCompleted'] as const)(
    'whose QEMU is killed after %s is never called migrated, and asks a person',
    async (fact) => {
      const scenario = scenarioFrom(textOf('gone', ', downtimeMax: 2 s'));
      const kill = onceAfter(fact, () => void guest.kill());
      expect(await site.run(scenario, { patience, ...kill })).toMatchObject({ ending: 'blocked' });
      expect(await site.factsOf('TargetValidated')).toEqual([]);
      expect((await site.facts()).at(-1)).toMatchObject({ type: 'OutcomeUndecidable' });
    },
  );

  it('reaches its replica although the receiver is killed in the middle and started again', async () => {
    const appliances = applianceSite(site.folder);
    try {
      const receiver = await appliances.receiver();
      const gateway = await appliances.gateway(receiver.address);
      const path = appliances.pathThrough(gateway.address);
      const scenario = scenarioFrom(textOf('received', `, bandwidthMax: 2 MiB/s, path: ${path}`));
      let back: Promise<unknown> = Promise.resolve();
      const restart = onceAfter('RoundProgressed', () => {
        back = receiver.kill().then(() => appliances.receiver(receiver.address));
      });
      const summary = await site.run(scenario, { patience, ...restart });
      await back;
      expect(summary).toMatchObject({ ending: 'cutOver', failedChecks: [] });
      await expectEqual(appliances.received(summary.replicas[0]?.target ?? ''), 'after the receiver came back');
      expect(summary.rounds.map(({ kind }) => kind)).not.toContain('rescan');
    } finally {
      await appliances.dispose();
    }
  });
});

describe.skipIf(!programs.available)(programs.title('a power cut that takes process and guest alike'), () => {
  it.each<MigrateProcess['death']>([
    { fact: 'RoundProgressed', nth: 2 },
    { fact: 'SourceQuiesced', nth: 1 },
  ])('after $fact, and the same command ends with equal disks', async (death) => {
    const text = `{ kind: migration, id: lab, title: T, why: W, vm: { name: guest }, laboratory: { disks: { size: 32 MiB } }, approval: given, refreshEvery: 1 s, bandwidthMax: 4 MiB/s }`;
    // QEMU is started by that process and dies with it, in its own time.
    await runAndDie(text, death);
    const monitor = join(site.folder, 'lab', 'laboratory', monitorName);
    await expect.poll(() => isListening(monitor), { timeout: 30_000 }).toBe(false);
    const summary = await site.run(scenarioFrom(text));
    expect(summary).toMatchObject({ ending: 'cutOver', failedChecks: [] });
    const source = join(site.folder, 'lab', 'laboratory', 'vda.raw');
    expect(await sameDisks(source, summary.replicas[0]?.target ?? '')).toBe(true);
    expect(await site.factsOf('TrackingLost')).not.toEqual([]);
    await site.replayed();
  });
});
