import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import { smallMigration, type LifeOptions, type SmallMigration } from '#test/support/small-migration';
import type { SendCommand } from '#scenarios/conduct';

const vda = diskId('vda');

/** The facts of one name, oldest first. */
async function factsOf<T extends MigrationFactType>(small: SmallMigration, type: T): Promise<MigrationFactOf<T>[]> {
  return (await small.facts()).filter((fact): fact is MigrationFactOf<T> => fact.type === type);
}

/** Does something as soon as a fact of that name is in the log, the n-th time it is. */
function when(type: MigrationFactType, act: () => void, nth = 1): Pick<LifeOptions, 'onFact'> {
  let seen = 0;
  return {
    onFact: (fact: MigrationFact) => {
      if (fact.type === type && (seen += 1) === nth) act();
    },
  };
}

/** A source's hypervisor that is out of reach for some of the questions it is asked. */
function isAwayIf(small: SmallMigration, isAway: () => boolean): void {
  const { connect } = small.source;
  const gone = { ok: false, error: { type: 'Unreachable', operation: 'inspect', detail: 'no route' } } as const;
  small.source.connect = (step) => {
    const connection = connect(step);
    return { ...connection, inspect: async () => (isAway() ? gone : connection.inspect()) };
  };
}

describe('verification', () => {
  it('passes and changes nothing at the source', async () => {
    const small = smallMigration();
    let marks = -1;
    await small.live(when('VerificationPassed', () => (marks = small.source.marks.size)));
    expect(marks).toBe(0);
    const [passed] = await factsOf(small, 'VerificationPassed');
    expect(passed?.data.checks.map(({ id }) => id)).toEqual([
      ...['source-reachable', 'source-running', 'disk-trackable:vda', 'disk-trackable:vdb'],
      ...['target-free:vda', 'target-free:vdb'],
    ]);
  });

  it.each([
    ['a guest that is paused', (small: SmallMigration) => (small.source.power = 'paused'), 'source-running'],
    ['a disk that is gone', (small: SmallMigration) => small.source.disks.delete(vda), 'disk-present:vda'],
    ['a disk that has grown', (small: SmallMigration) => small.source.disks.set(vda, [0, 0, 0, 0, 0]), 'disk-size:vda'],
    [
      'a disk nobody planned',
      (small: SmallMigration) => small.source.disks.set(diskId('vdc'), [0]),
      'disk-planned:vdc',
    ],
    [
      'a monitor out of reach',
      (small: SmallMigration) => small.source.breakNext('inspect', 'lostBefore'),
      'source-reachable',
    ],
    [
      'a replica of somebody else',
      (small: SmallMigration) =>
        small.target.replicas.set('small-vda.raw', {
          session: 'other',
          disk: vda,
          blocks: [],
          complete: 0,
          open: undefined,
        }),
      'target-free:vda',
    ],
  ])('is blocked by %s, with a remedy', async (_what, spoil, check) => {
    const small = smallMigration();
    spoil(small);
    expect(await small.live()).toMatchObject({ ending: 'blocked' });
    const [failed] = await factsOf(small, 'VerificationFailed');
    const wrong = failed?.data.checks.filter(({ verdict }) => verdict === 'failed') ?? [];
    expect(wrong.map(({ id }) => id)).toEqual([check]);
    expect(wrong[0]?.remedy).not.toBe('');
    expect(small.source.marks.size).toBe(0);
  });

  it('is asked for again when the run is', async () => {
    const small = smallMigration();
    small.source.power = 'paused';
    await small.live();
    small.source.power = 'running';
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
  });
});

describe('a round', () => {
  // Before it has read anything, and after all that is left to do is to ask the mark once more.
  it.each(['ReplicationInitiated', 'RoundProgressed'] as const)(
    'whose mark is lost after %s is not complete',
    async (at) => {
      const small = smallMigration();
      await small.live(when(at, () => small.source.marks.clear()));
      const facts = await small.facts();
      const lost = facts.findIndex(({ type }) => type === 'TrackingLost');
      expect(lost).toBeGreaterThan(0);
      expect(facts.slice(0, lost).map(({ type }) => type)).not.toContain('RoundCompleted');
      const [first] = await factsOf(small, 'RoundCompleted');
      expect(first?.data.kind).toBe('rescan');
      expect(small.isEqual()).toBe(true);
    },
  );

  it('has a mark of its own, whatever an earlier migration of the name has left at the source', async () => {
    const small = smallMigration();
    for (const number of [0, 1])
      small.source.marks.set(`small/${number}`, { owner: 'small', number, frozen: true, dirty: new Map() });
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    expect(await factsOf(small, 'ReplicationStalled')).toEqual([]);
    expect(small.isEqual()).toBe(true);
  });

  it('compares all of a disk whose writes cannot be tracked, every time', async () => {
    const small = smallMigration();
    small.source.untracked.add(diskId('vdb'));
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    expect(small.isEqual()).toBe(true);
    const [passed] = await factsOf(small, 'VerificationPassed');
    expect(passed?.data.checks).toContainEqual(
      expect.objectContaining({ id: 'disk-trackable:vdb', verdict: 'warning' }),
    );
    expect(await factsOf(small, 'ReplicationInitiated')).toMatchObject([
      { data: { disks: [{ tracked: true }, { disk: 'vdb', tracked: false }] } },
    ]);
  });

  it('notices a disk that was added, and waits for a person', async () => {
    const small = smallMigration();
    const spoil = when('RoundCompleted', () => small.source.disks.set(diskId('vdc'), [0]));
    expect(await small.live(spoil)).toMatchObject({ ending: 'blocked' });
    const [stalled] = await factsOf(small, 'ReplicationStalled');
    expect(stalled?.data).toMatchObject({ reason: { type: 'DisksChanged' }, retryable: false });
    small.source.disks.delete(diskId('vdc'));
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
  });

  it('goes on where it was after the receiver came back', async () => {
    const small = smallMigration();
    small.target.fault = (block) => {
      if (block !== 2) return undefined;
      small.target.fault = undefined;
      return { type: 'ConnectionLost', peer: 'receiver', detail: 'killed' };
    };
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    const [lost] = await factsOf(small, 'ReplicationDisconnected');
    expect(lost?.data.endpoint).toBe('receiver');
    const [first] = await factsOf(small, 'RoundCompleted');
    expect(first?.data).toMatchObject({ round: 0, kind: 'full' });
    expect(first?.data.resumed).toBeGreaterThan(0);
  });

  it('tells progress that only grows, and ends with all of it', async () => {
    const small = smallMigration();
    await small.live();
    const progress = await factsOf(small, 'RoundProgressed');
    for (const [n, { data }] of progress.entries()) {
      expect(data.done).toBeLessThanOrEqual(data.total);
      const before = progress[n - 1]?.data;
      if (before?.round === data.round) expect(data.done).toBeGreaterThan(before.done);
    }
  });

  it('keeps no secret of an error', async () => {
    const small = smallMigration();
    small.target.fault = () => {
      small.target.fault = undefined;
      return { type: 'Unreachable', peer: 'gateway', address: 'a:1', detail: 'nbds://u:hunter2@host password=hunter2' };
    };
    await small.live();
    const [lost] = await factsOf(small, 'ReplicationDisconnected');
    expect(lost?.data.reason.detail).toContain('nbds://u:***@host password=***');
    expect(JSON.stringify(await small.facts())).not.toContain('hunter2');
  });
});

describe('a cutover', () => {
  it('of a guest that refuses to be stopped leaves it running', async () => {
    const small = smallMigration();
    small.source.breakNext('pause', { type: 'Refused', operation: 'pause', detail: 'not now' });
    expect(await small.live()).toMatchObject({ ending: 'rolledBack' });
    expect(await factsOf(small, 'QuiesceRefused')).toMatchObject([{ data: { reason: { type: 'Refused' } } }]);
    expect(small.source.power).toBe('running');
  });

  it('of a guest that has crashed is refused unless it is forced: what it had not written is lost', async () => {
    const small = smallMigration();
    const crash = when('CutoverStarted', () => (small.source.power = 'crashed'));
    await small.live(crash);
    expect(await factsOf(small, 'QuiesceRefused')).toMatchObject([{ data: { reason: { type: 'GuestCrashed' } } }]);
    expect(await factsOf(small, 'SourceQuiesced')).toEqual([]);
  });

  it.each(['lostBefore', 'lostAfter'] as const)(
    'asks what became of a pause whose answer was lost: %s',
    async (how) => {
      const small = smallMigration();
      small.source.breakNext('pause', how);
      expect(await small.live()).toMatchObject({ ending: 'cutOver' });
      expect(await factsOf(small, 'QuiesceRefused')).toEqual([]);
      const found = how === 'lostAfter' ? 'done' : 'notDone';
      expect(await factsOf(small, 'OutcomeReconciled')).toMatchObject([{ data: { found } }]);
    },
  );

  it.each([
    ['running', 'running'],
    ['paused', 'paused'],
  ] as const)('that fails gives a guest back that was found %s', async (found, back) => {
    const small = smallMigration();
    const spoil = (): void => {
      if (found === 'paused') small.source.power = 'paused';
    };
    let written = false;
    const life: LifeOptions = {
      onFact: ({ type }) => {
        if (type === 'CutoverStarted') spoil();
        if (type === 'SourceQuiesced' && !written) {
          written = true;
          // Somebody writes to the disk behind the guest's back.
          for (const mark of small.source.marks.values()) if (!mark.frozen) mark.dirty.get(vda)?.add(0);
          small.source.disks.get(vda)?.splice(0, 1, 4_711);
          small.target.fault = () => {
            small.target.fault = undefined;
            const open = [...small.source.marks.values()].filter(({ frozen }) => !frozen);
            for (const mark of open) mark.dirty.get(vda)?.add(0);
            return undefined;
          };
        }
      },
    };
    expect(await small.live(life)).toMatchObject({ ending: 'rolledBack' });
    const [failed] = await factsOf(small, 'FinalSyncFailed');
    expect(failed?.data).toMatchObject({ reason: { type: 'WrittenWhileAtRest' }, trackingLost: false });
    expect(await factsOf(small, 'SourceQuiesced')).toMatchObject([{ data: { found } }]);
    expect(await factsOf(small, 'RolledBack')).toMatchObject([{ data: { source: back } }]);
    expect(small.source.power).toBe(back);
  });

  it('rolled back after its final sync needs a delta only, the next time', async () => {
    const small = smallMigration();
    const resume = when('FinalSyncCompleted', () => (small.source.power = 'running'));
    expect(await small.live(resume)).toMatchObject({ ending: 'rolledBack' });
    expect(await factsOf(small, 'FencingFailed')).toMatchObject([{ data: { reason: { type: 'SourceRuns' } } }]);
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    const kinds = (await factsOf(small, 'RoundCompleted')).map(({ data }) => data.kind);
    expect(kinds.filter((kind) => kind === 'full' || kind === 'rescan')).toEqual(['full']);
    expect(small.isEqual()).toBe(true);
  });

  it('of a source that was written to after its final sync is not fenced', async () => {
    const small = smallMigration();
    const write = when('FinalSyncCompleted', () => {
      for (const mark of small.source.marks.values()) if (!mark.frozen) mark.dirty.get(vda)?.add(0);
    });
    expect(await small.live(write)).toMatchObject({ ending: 'rolledBack' });
    expect(await factsOf(small, 'FencingFailed')).toMatchObject([
      { data: { reason: { type: 'WrittenSinceFinalSync' } } },
    ]);
  });

  it('of a source that was started again before its final sync fails without a round', async () => {
    const small = smallMigration();
    const resume = when('SourceQuiesced', () => (small.source.power = 'running'));
    expect(await small.live(resume)).toMatchObject({ ending: 'rolledBack' });
    expect(await factsOf(small, 'FinalSyncFailed')).toMatchObject([{ data: { reason: { type: 'SourceRuns' } } }]);
  });

  it('of a source that is out of reach for a moment after its final round goes on', async () => {
    const small = smallMigration();
    let isFinal = false;
    let asked = 0;
    // The final round asks before it begins; the question after it is the next.
    isAwayIf(small, () => isFinal && (asked += 1) === 2);
    expect(await small.live(when('SourceQuiesced', () => (isFinal = true)))).toMatchObject({ ending: 'cutOver' });
    expect(asked).toBeGreaterThan(2);
    expect(await factsOf(small, 'FinalSyncFailed')).toEqual([]);
    expect((await factsOf(small, 'StepReported')).map(({ data }) => [data.step, data.state, data.attempt])).toEqual([
      ['runFinalSync', 'retrying', 1],
      ['runFinalSync', 'done', 2],
    ]);
    expect(small.isEqual()).toBe(true);
  });

  it('is refused by its comparison when the replica is not the source', async () => {
    const small = smallMigration();
    const spoil = when('SourceFenced', () => small.target.replicas.get('small-vda.raw')?.blocks.splice(1, 1, 99_999));
    expect(await small.live(spoil)).toMatchObject({ ending: 'rolledBack' });
    const [failed] = await factsOf(small, 'ValidationFailed');
    expect(failed?.data.checks[0]).toMatchObject({ id: 'disk-equal:vda', verdict: 'failed' });
    expect(small.source.power).toBe('running');
    const rescan = (send: SendCommand): void =>
      void send({ type: 'RescanDisks', data: { reason: 'the replica differs' } }, 'operator:ada');
    expect(await small.live({ onRunning: rescan })).toMatchObject({ ending: 'cutOver' });
    expect(small.isEqual()).toBe(true);
  });

  it('waits for somebody other than the requester where the plan wants that', async () => {
    const small = smallMigration({ approval: 'requiredByAnother', requester: 'ada' });
    const refusals: (string | undefined)[] = [];
    const approve = (_signal: AbortSignal, refused: string | undefined): Promise<string> => {
      refusals.push(refused);
      return Promise.resolve(refused === undefined ? 'ada' : 'grace');
    };
    expect(await small.live({ approve })).toMatchObject({ ending: 'cutOver' });
    expect(refusals).toEqual([undefined, 'ada asked for this migration and may not approve it; someone else has to']);
    expect(await factsOf(small, 'CutoverApproved')).toMatchObject([{ data: { by: 'grace' } }]);
  });

  it('whose answer is lost for good asks a person, and goes on with what they say', async () => {
    const small = smallMigration();
    let isGone = false;
    const lose = when('EffectRequested', () => (isGone = true), 2);
    isAwayIf(small, () => isGone);
    expect(await small.live(lose)).toMatchObject({ ending: 'blocked' });
    expect((await small.facts()).slice(-2)).toMatchObject([{ type: 'OutcomeUnknown' }, { type: 'OutcomeUndecidable' }]);
    isGone = false;
    expect(await small.live({ outcome: 'notDone' })).toMatchObject({ ending: 'cutOver' });
    expect(await factsOf(small, 'SourceQuiesced')).toMatchObject([{ data: { found: 'running' } }]);
  });
});

describe('a guest that writes faster than the way to the target', () => {
  it('is never cut over, and is flagged', async () => {
    const small = smallMigration({ downtimeMax: 1 as never, roundsMax: 3 });
    const stop = new AbortController();
    const enough = when('RoundCompleted', () => stop.abort(), 8);
    expect(await small.live({ ...enough, signal: stop.signal })).toMatchObject({ ending: 'interrupted' });
    const types = (await small.facts()).map(({ type }) => type);
    expect(types).not.toContain('CutoverStarted');
    expect(small.source.power).toBe('running');
  });
});

describe('taking everything off the source', () => {
  it('removes marks and exports when the migration is cancelled, and keeps the replicas', async () => {
    const small = smallMigration({ approval: 'required' });
    const stop = new AbortController();
    await small.live({ ...when('RoundCompleted', () => stop.abort()), signal: stop.signal });
    expect(small.source.marks.size).toBeGreaterThan(0);
    expect(await small.live({ goal: 'cancel' })).toMatchObject({ ending: 'cancelled' });
    expect(small.source.marks.size).toBe(0);
    expect(small.source.exports.size).toBe(0);
    expect(small.target.replicas.size).toBe(2);
    expect(small.source.power).toBe('running');
  });

  it('does not give up the way back while the source runs beside its replica', async () => {
    const small = smallMigration();
    const life: LifeOptions = {
      goal: 'finalize',
      onFact: ({ type }) => {
        if (type === 'FinalizationRequested') small.source.power = 'running';
        if (type === 'RetirementFailed') small.source.power = 'paused';
      },
    };
    expect(await small.live(life)).toMatchObject({ ending: 'finalized' });
    expect(await factsOf(small, 'RetirementFailed')).toMatchObject([{ data: { reason: { type: 'SourceRuns' } } }]);
  });

  it('removes them when the migration is finalized, and leaves the source at rest', async () => {
    const small = smallMigration();
    await small.live();
    expect(small.source.marks.size).toBeGreaterThan(0);
    small.source.breakNext('release', 'lostAfter');
    expect(await small.live({ goal: 'finalize' })).toMatchObject({ ending: 'finalized' });
    expect(small.source.marks.size).toBe(0);
    expect(small.source.power).toBe('paused');
  });

  it('keeps them after a cutover, so that going back and trying again needs a delta only', async () => {
    const small = smallMigration();
    await small.live();
    expect(await small.live({ goal: 'rollBack' })).toMatchObject({ ending: 'rolledBack' });
    expect(small.source.power).toBe('running');
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    const kinds = (await factsOf(small, 'RoundCompleted')).map(({ data }) => data.kind);
    expect(kinds.filter((kind) => kind === 'full' || kind === 'rescan')).toEqual(['full']);
  });
});

describe('what this world cannot do yet', () => {
  it('is refused with a reason, and never pretended', async () => {
    const small = smallMigration({ approval: 'required' });
    const stop = new AbortController();
    let send: SendCommand | undefined;
    const onFact = ({ type }: MigrationFact): void => {
      if (type === 'RoundCompleted') void send?.({ type: 'LaunchTest', data: {} }, 'operator:ada');
      if (type === 'TestCleanedUp') stop.abort();
    };
    await small.live({ onFact, onRunning: (way) => (send = way), signal: stop.signal });
    expect(await factsOf(small, 'TestLaunchFailed')).toMatchObject([{ data: { reason: { type: 'NotSupported' } } }]);
  });
});
