import { armTimer, chart, type MigrationContext, type Phase } from './chart.ts';

// A side effect is on its way while `initiating`: it may stall or disconnect, and is not paused half-way.
const phases: readonly Phase[] = ['initiating', 'fullSync', 'deltaSync', 'rescan'];

const takeUpAgain = phases.map((phase) => ({
  guard: { type: 'wasIn' as const, params: { phase } },
  target: phase,
}));
const retryWhenDue = phases.map((phase) => ({
  guard: { type: 'retryDue' as const, params: { phase } },
  target: `#migration.replication.${phase}` as const,
}));

const interrupt = (phase: Phase) => ({ type: 'interrupt' as const, params: { phase } });
const stalls = (phase: Phase) =>
  [
    {
      guard: 'mayHelpToWait',
      target: '#migration.replication.stalled.retrying',
      actions: [interrupt(phase), 'countAttempt'],
    },
    { target: '#migration.replication.stalled.blocked', actions: [interrupt(phase), 'countAttempt'] },
  ] as const;
const interruptions = (phase: Phase) =>
  ({
    ReplicationStalled: stalls(phase),
    ReplicationDisconnected: { target: 'disconnected', actions: [interrupt(phase), 'countAttempt'] },
    TrackingLost: { target: 'rescan', actions: 'loseTracking' },
  }) as const;
const pausable = (phase: Phase) =>
  ({
    ...interruptions(phase),
    ReplicationPaused: { target: 'paused', actions: interrupt(phase) },
    RescanRequested: 'rescan',
  }) as const;

// Before tracking was begun there is nothing to compare with, and no later delta could be trusted.
const rescanOnceBegun = { guard: 'hasBegun', target: '#migration.replication.rescan' } as const;

const afterRound = [
  { guard: 'fitsDowntime', target: 'parked', actions: 'countRound' },
  { guard: 'sameRound', target: 'deltaSync', actions: 'countRound', reenter: true },
] as const;

const runDeltaSync = {
  type: 'runDeltaSync',
  params: ({ context }: { context: MigrationContext }) => ({
    round: context.round,
    dirty: context.dirty,
  }),
} as const;

/** The axis that machines move: how far the replica is behind the source. */
export const replication = chart.createStateConfig({
  initial: 'idle',
  on: {
    CancellationRequested: { guard: 'mayCancel', target: '.stopped' },
    FinalizationRequested: { guard: 'mayFinalize', target: '.stopped' },
  },
  states: {
    idle: {
      description: 'Nothing is replicated. The source runs and owns the data; there is no replica.',
      on: { ProtectionStarted: { guard: 'mayProtect', target: 'initiating' } },
    },
    initiating: {
      description: 'The source runs. Change tracking is begun and empty replica disks are made.',
      entry: 'initiateReplication',
      on: {
        ReplicationInitiated: { target: 'fullSync', actions: 'beginRounds' },
        ReplicationStalled: stalls('initiating'),
        ReplicationDisconnected: { target: 'disconnected', actions: [interrupt('initiating'), 'countAttempt'] },
      },
    },
    fullSync: {
      description: 'The source runs and owns the data. Every allocated block is copied to the replica.',
      entry: { type: 'runFullSync', params: ({ context }) => ({ round: context.round }) },
      on: { RoundCompleted: afterRound, ...pausable('fullSync') },
    },
    deltaSync: {
      description:
        'The source runs and owns the data. What was written since the last round is copied, round after round.',
      entry: runDeltaSync,
      on: { RoundCompleted: afterRound, ...pausable('deltaSync') },
    },
    parked: {
      description: 'The source runs and owns the data. The replica is close enough for the budget and is kept so.',
      initial: 'resting',
      always: { guard: 'sourceIsTaken', target: 'held' },
      on: pausable('deltaSync'),
      states: {
        resting: {
          description:
            'The source runs and owns the data. Nothing moves until the next refresh is due or a cutover starts.',
          entry: armTimer('refresh'),
          on: {
            DeadlinePassed: { guard: { type: 'timerIs', params: { timer: 'refresh' } }, target: 'refreshing' },
            // What was written while resting is fetched while the source still runs, not in its downtime.
            CutoverStarted: { guard: 'mayStartCutover', target: 'refreshing' },
            TestLaunchRequested: { guard: 'mayStartCutover', target: 'refreshing' },
          },
        },
        refreshing: {
          description: 'The source runs and owns the data. What was written while resting is copied.',
          entry: runDeltaSync,
          on: {
            // Logs from before a test fetched what was written last have this next.
            DeadlinePassed: { guard: { type: 'timerIs', params: { timer: 'refresh' } }, target: 'refreshing' },
            RoundCompleted: [
              { guard: 'fitsDowntime', target: 'resting', actions: 'countRound' },
              { guard: 'sameRound', target: '#migration.replication.deltaSync', actions: 'countRound' },
            ],
          },
        },
      },
    },
    rescan: {
      description:
        'The source runs and owns the data. Tracking was lost: digests of both sides are compared, differing blocks are copied.',
      entry: { type: 'runRescan', params: ({ context }) => ({ round: context.round }) },
      on: {
        RoundCompleted: afterRound,
        ReplicationStalled: stalls('rescan'),
        ReplicationDisconnected: { target: 'disconnected', actions: [interrupt('rescan'), 'countAttempt'] },
        ReplicationPaused: { target: 'paused', actions: interrupt('rescan') },
        // Lost again while it was being made good: from the start.
        TrackingLost: { target: 'rescan', reenter: true, actions: ['loseTracking', 'countAttempt'] },
      },
    },
    paused: {
      description: 'The source runs and owns the data. An operator stopped the copying; writes go on being tracked.',
      on: {
        ReplicationResumed: takeUpAgain,
        RescanRequested: rescanOnceBegun,
        TrackingLost: { guard: 'hasBegun', actions: [interrupt('rescan'), 'loseTracking'] },
      },
    },
    stalled: {
      description: 'The source runs and owns the data. Copying stopped for a reason that is in the log.',
      initial: 'retrying',
      on: { ReplicationResumed: takeUpAgain, ReplicationPaused: 'paused', RescanRequested: rescanOnceBegun },
      states: {
        retrying: {
          description:
            'The source runs and owns the data. Copying is tried again after a pause that grows with each failure.',
          entry: armTimer('retry'),
          on: { DeadlinePassed: retryWhenDue },
        },
        blocked: {
          description:
            'The source runs and owns the data. Waiting will not help: a person removes the cause, then resumes.',
          tags: 'asksOperator',
        },
      },
    },
    disconnected: {
      description:
        'The source runs as far as is known and owns the data. An endpoint cannot be reached; it is tried again.',
      entry: armTimer('retry'),
      on: {
        DeadlinePassed: retryWhenDue,
        ReplicationResumed: takeUpAgain,
        ReplicationPaused: 'paused',
      },
    },
    held: {
      description:
        'The cutover has the source: it is stopped, the final sync is the only round, and no other may start.',
      on: {
        RolledBack: [
          { guard: 'rollsBackWithoutTracking', target: 'rescan' },
          { guard: 'isRollingBack', target: 'deltaSync' },
        ],
      },
    },
    stopped: {
      description: 'Replication has ended for good. The replica is kept.',
      type: 'final',
    },
  },
});
