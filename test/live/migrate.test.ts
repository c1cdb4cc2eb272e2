import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { axesOf } from '#core/migration/abilities';
import { bytes, bytesPerSecond, MiB } from '#core/units';
import { kvmHypervisor } from '#replicator/connectors/kvm/kvm-hypervisor';
import type { Laboratory } from '#replicator/connectors/laboratory/laboratory';
import { startLaboratory } from '#replicator/connectors/laboratory/start';
import { applianceSite, type Appliances } from '#test/support/appliances';
import {
  laboratoryPrograms as programs,
  migrateSite,
  sameDisks,
  scenarioFrom,
  type MigrateSite,
} from '#test/support/migrate-site';
import { valueOf } from '#test/support/value-of';

const laboratoryText = await readFile('scenarios/laboratory.yaml', 'utf8');

let site: MigrateSite;
let appliances: Appliances;
beforeEach(async () => {
  site = await migrateSite();
  appliances = applianceSite(site.folder);
});
afterEach(async () => {
  await appliances.dispose();
  await site.dispose();
});

describe.skipIf(!programs.available)(programs.title('scenarios/laboratory.yaml'), () => {
  it('moves a guest that never stops writing, and every byte of it', async () => {
    const summary = await site.run(scenarioFrom(laboratoryText));
    expect(summary).toMatchObject({
      ending: 'cutOver',
      state: 'cutOver',
      isNotConverging: false,
      failedChecks: [],
      breaches: [],
    });

    const source = join(site.folder, 'laboratory', 'laboratory', 'vda.raw');
    const [replica] = summary.replicas;
    expect(replica?.disk).toBe('vda');
    expect(await sameDisks(source, replica?.target ?? '')).toBe(true);

    await expectWholeStory(site);
    const kinds = summary.rounds.map(({ kind }) => kind);
    expect(kinds[0]).toBe('full');
    expect(kinds.at(-1)).toBe('final');
    expect(kinds).toContain('delta');
    expect(summary.downtime?.total).toBeGreaterThan(0);
    expect(summary.downtime?.data).toBeLessThanOrEqual(5_000);

    // Run again, it says so, and starts nothing.
    expect(await site.run(scenarioFrom(laboratoryText))).toMatchObject({ ending: 'cutOver', facts: summary.facts });
  });

  it('moves it through a gateway and a receiver in processes of their own, over mutual TLS', async () => {
    const receiver = await appliances.receiver();
    const gateway = await appliances.gateway(receiver.address);
    const through = `path: ${appliances.pathThrough(gateway.address)}`;
    const summary = await site.run(scenarioFrom(laboratoryText.replace('path: direct', through)));
    expect(summary).toMatchObject({ ending: 'cutOver', failedChecks: [], breaches: [] });
    const source = join(site.folder, 'laboratory', 'laboratory', 'vda.raw');
    expect(await sameDisks(source, appliances.received(summary.replicas[0]?.target ?? ''))).toBe(true);
    await expectWholeStory(site);
  });
});

/** The facts of a migration in which nothing went wrong: in order, whole, and the same state when folded again. */
async function expectWholeStory(told: MigrateSite): Promise<void> {
  const types = (await told.facts()).map(({ type }) => type).filter((type) => type !== 'RoundProgressed');
  // The guest decides how many delta rounds there are.
  const story = types.join(' ').replace(/(RoundCompleted )+/g, 'Rounds ');
  expect(story).toBe(
    [
      ...['MigrationDrafted', 'VerificationRequested', 'VerificationPassed', 'ProtectionStarted', 'EffectRequested'],
      ...['ReplicationInitiated', 'Rounds', 'CutoverApproved', 'CutoverStarted', 'Rounds'],
      ...['EffectRequested', 'SourceQuiesced', 'FinalSyncCompleted', 'EffectRequested', 'SourceFenced'],
      'TargetValidated',
    ].join(' '),
  );
  const [state] = await told.replayed();
  expect(state && axesOf(state)).toEqual({ lifecycle: 'cutOver', replication: 'held', outcome: 'certain' });
  expect(state?.work).toEqual([]);
}

describe.skipIf(!programs.available)(programs.title('a guest that is there already'), () => {
  let guest: Laboratory;
  const rate = (perSecond: number): object => ({ writer: { bytesPerSecond: bytesPerSecond(perSecond) } });
  const boot = async (options: object = rate(MiB)): Promise<void> => {
    const defaults = {
      directory: join(site.folder, 'guest'),
      diskSize: bytes(64 * MiB),
      seed: 3,
      existingDisks: 'boot',
    };
    guest = valueOf(await startLaboratory({ ...defaults, ...options } as Parameters<typeof startLaboratory>[0]));
  };
  afterEach(() => guest.kill());

  const scenario = (more = ''): ReturnType<typeof scenarioFrom> =>
    scenarioFrom(
      `{ kind: migration, id: guest, title: T, why: W, vm: { name: guest }, source: { qmp: '${guest.qmpSocket}' }, approval: given, refreshEvery: 1 s${more} }`,
    );
  const monitor = (): ReturnType<typeof kvmHypervisor> =>
    kvmHypervisor({ qmp: { path: guest.qmpSocket }, owner: 'guest' });

  it('runs again after it was rolled back, and the next cutover needs a delta only', async () => {
    await boot({ ...rate(MiB), diskCount: 2, diskFormat: 'qcow2' });
    expect(await site.run(scenario())).toMatchObject({ ending: 'cutOver' });
    expect(await site.run(scenario(), { goal: 'rollBack' })).toMatchObject({ ending: 'rolledBack' });
    const beats = guest.heartbeat();
    valueOf(await guest.heartbeatReached(beats + 2));

    const summary = await site.run(scenario());
    expect(summary).toMatchObject({ ending: 'cutOver' });
    const kinds = (await site.factsOf('RoundCompleted')).map(({ data }) => data.kind);
    expect(kinds.filter((kind) => kind === 'full' || kind === 'rescan')).toEqual(['full']);
    await guest.stop();
    for (const { id, path } of guest.disks) {
      const replica = summary.replicas.find(({ disk }) => disk === id);
      expect(await sameDisks(path, replica?.target ?? '', ['qcow2', 'raw'])).toBe(true);
    }
    await site.replayed();
  });

  it('keeps nothing of ours once the migration is finalized', async () => {
    await boot();
    expect(await site.run(scenario())).toMatchObject({ ending: 'cutOver' });
    const source = monitor();
    expect(await source.changes({ owner: 'guest', number: 2 })).toMatchObject({ ok: true });
    await source.close();
    expect(await site.run(scenario(), { goal: 'finalize' })).toMatchObject({ ending: 'finalized' });
    const after = monitor();
    for (let number = 0; number < 5; number += 1)
      expect(await after.changes({ owner: 'guest', number })).toMatchObject({ error: { type: 'TrackingLost' } });
    expect(await after.inspect()).toMatchObject({ value: { power: 'paused' } });
    await after.close();
  });

  it('is never cut over while it writes faster than the way to the target, and that is flagged', async () => {
    await boot({ ...rate(8 * MiB), diskSize: bytes(32 * MiB) });
    const stop = new AbortController();
    let rounds = 0;
    const slow = scenario(', downtimeMax: 1 s, roundsMax: 2, bandwidthMax: 4 MiB/s');
    const summary = await site.run(slow, {
      signal: stop.signal,
      onFacts: (facts) => {
        for (const { type } of facts) if (type === 'RoundCompleted' && (rounds += 1) === 4) stop.abort();
      },
    });
    expect(summary).toMatchObject({ ending: 'interrupted', state: 'protected', isNotConverging: true });
    expect(await site.factsOf('CutoverStarted')).toEqual([]);
  });
});
