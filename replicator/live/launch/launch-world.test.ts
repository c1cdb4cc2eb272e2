import { describe, expect, it } from 'vitest';
import type { MigrationFact, MigrationFactType } from '#core/migration/facts';
import { millis } from '#core/units';
import { mishaps, smallMigration, type SmallMigration } from '#test/support/small-migration';

const launching = (): SmallMigration =>
  smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack', testLaunch: 'optional' });

const typesOf = async (small: SmallMigration): Promise<readonly MigrationFactType[]> =>
  (await small.facts()).map(({ type }) => type);

/** L4: the source and the target are never both running with their NICs connected. */
function watched(small: SmallMigration): SmallMigration {
  const { launch, source } = small;
  launch.onChange = () => {
    // At rest inside is running outside.
    const sourceTalks = source.power !== 'off' && launch.sourceConnected;
    const targetTalks = [...launch.vms.values()].some(
      ({ power, links }) => power === 'running' && links === 'connected',
    );
    expect(sourceTalks && targetTalks).toBe(false);
  };
  return small;
}

/** What was said of an item of a step, the last word of each time it was done. */
const saidOf = (facts: readonly MigrationFact[], step: string, item: string): readonly string[] =>
  facts.flatMap(({ type, data }) =>
    type === 'StepReported' && data.step === step && data.item === item && data.state === 'done' ? [data.detail] : [],
  );

const failures = (facts: readonly MigrationFact[]): readonly string[] =>
  facts.flatMap((fact) =>
    'reason' in fact.data && typeof fact.data.reason === 'object' ? [`${fact.type}: ${fact.data.reason.detail}`] : [],
  );

describe('a cutover that launches', () => {
  it('fixes up an overlay, boots it disconnected, connects it and validates it from inside', async () => {
    const small = watched(launching());
    expect((await small.live()).ending).toBe('cutOver');
    expect(failures(await small.facts())).toEqual([]);
    const types = await typesOf(small);
    const order = [
      // Made before the window, on an overlay that is taken away: the plan can be read in time.
      'FixUpPlanned',
      'SourceQuiesced',
      'FinalSyncCompleted',
      'SourceFenced',
      'FixUpPlanned',
      'ReplicaFixedUp',
      'TargetLaunched',
      'TargetConnected',
      'TargetValidated',
    ];
    expect(types.filter((type) => order.includes(type))).toEqual(order);
    expect(small.source.power).toBe('off');
    expect(small.launch.sourceConnected).toBe(false);
    expect([...small.launch.vms.values()]).toMatchObject([{ power: 'running', links: 'connected' }]);
    expect(small.isEqual()).toBe(true);
  });

  it('surveys its guest once, when it is verified, and never while it is down', async () => {
    const small = launching();
    expect((await small.live({ goal: 'finalize' })).ending).toBe('finalized');
    const { asked } = small.launch;
    expect(asked.filter((what) => what === 'inspect')).toHaveLength(1);
    const down = asked.slice(asked.indexOf('quiesce') + 1);
    expect(down.length).toBeGreaterThan(0);
    expect(down.filter((what) => what !== 'look')).toEqual([]);
  });

  it('is finalized by taking the sentinel off the target and leaving a note at the source', async () => {
    const small = watched(launching());
    expect((await small.live({ goal: 'finalize' })).ending).toBe('finalized');
    expect(small.launch.uninstalled).toBe(true);
    expect(small.launch.notes).toHaveLength(1);
    expect(small.source.power).toBe('off');
  });

  it('is finalized also when its sentinel never says that it is off, and says that this is not known', async () => {
    const small = watched(launching());
    small.launch.fails.add('uninstallAnswer');
    expect((await small.live({ goal: 'finalize' })).ending).toBe('finalized');
    const facts = await small.facts();
    expect(facts.filter(({ type }) => type === 'RetirementFailed')).toEqual([]);
    expect(facts.find(({ type }) => type === 'SourceRetired')?.data).toMatchObject({
      note: expect.stringContaining('not confirmed: nobody knows, look into the guest'),
    });
    const items = facts.filter(({ data }) => 'item' in data && data.item === 'sentinel').map(({ data }) => data);
    expect(items.at(-1)).toMatchObject({ state: 'failed', detail: 'nobody knows, look into the guest' });
    expect(small.launch.asked.filter((call) => call === 'uninstall')).toHaveLength(2);
  });

  it.each([
    ['plan', 'FixUpFailed'],
    ['apply', 'FixUpFailed'],
    ['verify', 'FixUpFailed'],
    ['launch', 'LaunchFailed'],
    ['validation', 'ValidationFailed'],
  ] as const)(
    'that fails at %s gives the source back, keeps the replica, and can be tried again',
    async (fails, fact) => {
      const small = watched(launching());
      small.launch.fails.add(fails);
      expect((await small.live()).ending).toBe('rolledBack');
      expect(await typesOf(small)).toContain(fact);
      expect(small.source.power).toBe('running');
      expect(small.launch.sourceConnected).toBe(true);
      expect(small.launch.vms.size).toBe(0);
      expect(small.launch.images.size).toBe(0);
      expect(small.target.replicas.size).toBe(2);
      small.launch.fails.clear();
      expect((await small.live()).ending).toBe('cutOver');
      expect(small.isEqual()).toBe(true);
    },
  );

  it('says what the console said of a guest that does not boot', async () => {
    const small = watched(launching());
    const { images } = small.launch;
    // Nothing is really changed on the images: what was applied is lost.
    images.set = function set(path) {
      return Map.prototype.set.call(images, path, { fixed: false, order: undefined }) as typeof images;
    };
    expect((await small.live()).ending).toBe('rolledBack');
    const facts = await small.facts();
    expect(failures(facts).join()).toContain('the initramfs does not find the root file system');
    expect(facts.find(({ type }) => type === 'ConsoleCaptured')?.data).toMatchObject({
      text: expect.stringContaining('ALERT!'),
    });
  });

  it('whose source refuses to power off never gives its target a network', async () => {
    const small = watched(launching());
    small.launch.fails.add('powerOff');
    expect((await small.live()).ending).toBe('rolledBack');
    expect(await typesOf(small)).toContain('FencingFailed');
    expect(small.launch.vms.size).toBe(0);
    expect(small.source.power).toBe('running');
  });
});

describe('a source that its cluster starts again after it was fenced', () => {
  it('is given back with its networks', async () => {
    const small = launching();
    small.launch.hasOtherWay = true;
    let started = false;
    const onFact = ({ type }: MigrationFact): void => {
      if (type !== 'TargetLaunched' || started) return;
      started = true;
      small.source.restart();
    };
    expect((await small.live({ onFact })).ending).toBe('rolledBack');
    expect(await typesOf(small)).toContain('ConnectionFailed');
    expect(small.source.power).toBe('running');
    expect(small.launch.sourceConnected).toBe(true);
  });
});

describe('a source that is switched off while it replicates', () => {
  it('is out of reach, has not lost its disks, and goes on by itself once it runs', async () => {
    const small = launching();
    let wasOff = false;
    const onFact = ({ type }: MigrationFact): void => {
      if (type === 'RoundCompleted' && !wasOff) {
        wasOff = true;
        small.source.power = 'off';
      } else if (type === 'ReplicationDisconnected') small.source.restart();
    };
    expect((await small.live({ onFact })).ending).toBe('cutOver');
    const said = failures(await small.facts());
    expect(said.find((failure) => failure.startsWith('ReplicationDisconnected'))).toContain('is switched off');
    expect(said.join()).not.toContain('is not at the source');
  });
});

describe('a source that is off when its cutover finds it', () => {
  const startsAt = (small: SmallMigration, starts: (fact: MigrationFact) => boolean) => {
    let hasStarted = false;
    return (fact: MigrationFact): void => {
      if (fact.type === 'EffectRequested' && fact.data.effect === 'quiesceSource') small.source.power = 'off';
      if (hasStarted || !starts(fact)) return;
      hasStarted = true;
      small.source.restart();
    };
  };

  it('stays off: its final sync is refused at once, and the cutover taken back', async () => {
    const small = launching();
    const onFact = startsAt(small, () => false);
    expect((await small.live({ onFact })).ending).toBe('rolledBack');
    const facts = await small.facts();
    expect(facts.find(({ type }) => type === 'FinalSyncFailed')?.data).toMatchObject({
      reason: { type: 'SourceOff', detail: expect.stringContaining('start it, then start the cutover again') },
    });
    expect(facts.filter(({ data }) => 'state' in data && data.state === 'retrying')).toEqual([]);
    expect(facts.findLast(({ type }) => type === 'RolledBack')?.data).toEqual({ source: 'off' });
    expect(small.source.power).toBe('off');
  });

  it('is given back running where somebody started it and its final sync noticed', async () => {
    const small = launching();
    const onFact = startsAt(small, ({ type }) => type === 'SourceQuiesced');
    expect((await small.live({ onFact })).ending).toBe('rolledBack');
    expect((await small.facts()).findLast(({ type }) => type === 'RolledBack')?.data).toEqual({ source: 'running' });
  });

  it('asks a person where somebody started it and nothing noticed before', async () => {
    const small = launching();
    const onFact = startsAt(small, ({ type }) => type === 'FinalSyncFailed');
    expect((await small.live({ onFact })).ending).toBe('failed');
    expect(failures(await small.facts()).at(-1)).toContain(
      'RollbackFailed: the source was off when the cutover found it',
    );
  });
});

describe('a source that somebody switches off in its final sync', () => {
  it('is not waited for, and is given back running, as it was found', async () => {
    const small = launching();
    const onFact = ({ type }: MigrationFact): void => {
      if (type === 'SourceQuiesced') small.source.power = 'off';
    };
    expect((await small.live({ onFact })).ending).toBe('rolledBack');
    const facts = await small.facts();
    expect(failures(facts).join()).toContain('FinalSyncFailed: the source is switched off');
    expect(facts.filter(({ data }) => 'state' in data && data.state === 'retrying')).toEqual([]);
    expect(small.source.power).toBe('running');
  });
});

describe('what a test made', () => {
  const tested = (): SmallMigration =>
    smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack', testLaunch: 'required' });

  it('is put in place in the cutover, and is gone once the migration is finalized', async () => {
    const small = watched(tested());
    expect((await small.live()).ending).toBe('cutOver');
    expect(saidOf(await small.facts(), 'launchTest', 'prepare')).toEqual(['1 file']);
    expect(saidOf(await small.facts(), 'launchTest', 'apply')).toEqual(['2 edits']);
    expect(saidOf(await small.facts(), 'runDeltaSync', 'prepare')).toEqual([]);
    expect(saidOf(await small.facts(), 'fixUpReplica', 'apply')).toEqual([
      '2 edits, 1 initramfs prepared before the window',
    ]);
    expect(small.launch.prepared.size).toBe(1);
    expect((await small.live({ goal: 'finalize' })).ending).toBe('finalized');
    expect(small.launch.prepared.size).toBe(0);
  });

  it('is copied of a replica that no round writes to, and leaves nothing of its clone', async () => {
    const small = smallMigration({
      ...{ handOver: 'launch', onValidationFailure: 'rollBack', testLaunch: 'required' },
      // So that the next round is due while the replica is being copied.
      refreshEvery: millis(1),
    });
    const rounds = (): string =>
      JSON.stringify([...small.target.replicas.values()].map(({ complete, open }) => [complete, open?.round]));
    let copies = 0;
    const siteOf = small.launch.site;
    small.launch.site = (step) => {
      const site = siteOf(step);
      const copy: typeof site.overlays.copy = async (replica) => {
        const before = rounds();
        // It takes as long as many rounds.
        await small.clock.wait(millis(200));
        copies += 1;
        expect(rounds()).toBe(before);
        return site.overlays.copy(replica);
      };
      return { ...site, overlays: { ...site.overlays, copy } };
    };
    expect((await small.live()).ending).toBe('cutOver');
    expect(copies).toBe(2);
    expect([...small.launch.images.keys()].filter((path) => path.endsWith('~'))).toEqual([]);
    expect([...small.launch.vms.keys()]).toEqual(['web-01']);
  });

  it('is made in the last round before the cutover where the plan has no test, and once for a guest', async () => {
    const small = watched(launching());
    expect((await small.live()).ending).toBe('cutOver');
    const facts = await small.facts();
    expect(saidOf(facts, 'runDeltaSync', 'prepare')).toEqual(['1 file']);
    const said = facts.findIndex(({ type, data }) => type === 'StepReported' && data.item === 'prepare');
    expect(said).toBeLessThan(facts.findIndex(({ type }) => type === 'SourceQuiesced'));
    expect(saidOf(facts, 'fixUpReplica', 'apply')).toEqual(['2 edits, 1 initramfs prepared before the window']);
    // Of the overlay that it was made on nothing is left.
    expect([...small.launch.images.keys()].filter((path) => path.endsWith('?'))).toEqual([]);
  });

  it('is made in a round after the test if nothing of the test could be kept', async () => {
    const small = watched(tested());
    small.launch.fails.add('keep');
    const life = small.live({
      onFact: ({ type }) => void (type === 'TestJudged' && small.launch.fails.delete('keep')),
    });
    expect((await life).ending).toBe('cutOver');
    const facts = await small.facts();
    expect(saidOf(facts, 'launchTest', 'prepare')).toEqual(['nothing is kept: /etc/x was changed']);
    expect(saidOf(facts, 'runDeltaSync', 'prepare')).toEqual(['1 file']);
    expect(saidOf(facts, 'fixUpReplica', 'apply')).toEqual(['2 edits, 1 initramfs prepared before the window']);
  });

  it('is made again once the source was started again', async () => {
    const small = watched(launching());
    small.launch.fails.add('powerOff');
    await small.live();
    small.launch.boot = 'another';
    small.launch.fails.clear();
    expect((await small.live()).ending).toBe('cutOver');
    expect(saidOf(await small.facts(), 'runDeltaSync', 'prepare')).toEqual(['1 file', '1 file']);
  });

  it('is not missed where it could not be made: the cutover makes it', async () => {
    const small = watched(launching());
    const check = small.launch.onChange;
    small.launch.onChange = (call) => {
      check(call);
      if (small.source.power === 'off') small.launch.fails.delete('plan');
    };
    small.launch.fails.add('plan');
    expect((await small.live()).ending).toBe('cutOver');
    expect(saidOf(await small.facts(), 'fixUpReplica', 'apply')).toEqual(['2 edits']);
  });

  it.each(['verify', 'boot'] as const)('is not used again where the cutover failed at %s', async (fails) => {
    const small = watched(tested());
    const { launch } = small;
    const check = launch.onChange;
    launch.onChange = (call) => {
      check(call);
      // The source is off in the cutover, and not in the test before it.
      if (small.source.power !== 'off') return;
      if (fails === 'verify') launch.fails.add('verify');
      else for (const image of launch.images.values()) image.fixed = false;
    };
    expect((await small.live()).ending).toBe('rolledBack');
    expect(await typesOf(small)).toContain(fails === 'verify' ? 'FixUpFailed' : 'LaunchFailed');
    expect(launch.prepared.size).toBe(0);
  });

  it('is kept for the next try where the cutover failed for another reason, and gone once it is cancelled', async () => {
    const small = watched(tested());
    small.launch.fails.add('powerOff');
    expect((await small.live()).ending).toBe('rolledBack');
    expect(small.launch.prepared.size).toBe(1);
    expect((await small.live({ goal: 'cancel' })).ending).toBe('cancelled');
    expect(small.launch.prepared.size).toBe(0);
  });
});

describe('a cutover that launches, whatever strikes at whatever step', () => {
  it.each(mishaps)('ends as if nothing had, or with the source given back: %s', { timeout: 120_000 }, async (kind) => {
    const { steps } = await watched(launching()).live();
    for (let at = 1; at <= steps; at += 1) {
      const small = watched(launching());
      let life = await small.live({ mishap: { at, kind } });
      for (let lives = 1; lives < 5 && life.ending !== 'cutOver'; lives += 1) life = await small.live();
      expect({ at, ending: life.ending, equal: small.isEqual(), source: small.source.power }).toEqual({
        ...{ at, ending: 'cutOver', equal: true, source: 'off' },
      });
    }
  });
});
