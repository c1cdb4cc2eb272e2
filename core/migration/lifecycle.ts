import { armTimer, chart } from './chart.ts';

const rollingBack = '#migration.lifecycle.rollingBack' as const;
const cancelling = '#migration.lifecycle.cancelling' as const;

const quiesceRefused = [
  { guard: 'mayForceQuiesce', target: 'quiescing', actions: 'forceQuiesce', reenter: true },
  { target: rollingBack },
] as const;

// Protected and rolled back differ in what happened before, not in what may happen next.
const protectedEvents = {
  CutoverApproved: { actions: 'approve' },
  CutoverStarted: 'cuttingOver',
  TestLaunchRequested: 'testing',
  CancellationRequested: 'cancelling',
} as const;

/** The axis that decisions move: where the machine is on its way. */
export const lifecycle = chart.createStateConfig({
  initial: 'undrafted',
  states: {
    undrafted: {
      description: 'Nothing is known of this migration. The source runs and owns the data.',
      on: { MigrationDrafted: { target: 'draft', actions: 'takePlan' } },
    },
    draft: {
      description: 'There is a plan. The source runs and owns the data; nothing has touched it.',
      on: { VerificationRequested: 'verifying', CancellationRequested: 'cancelled' },
    },
    verifying: {
      description: 'The source runs and owns the data. It is looked at, and not changed.',
      entry: 'verifySource',
      on: { VerificationPassed: 'ready', VerificationFailed: 'blocked', CancellationRequested: 'cancelled' },
    },
    blocked: {
      description: 'The source runs and owns the data. A check failed; its remedy is in the log.',
      tags: 'asksOperator',
      on: { VerificationRequested: 'verifying', CancellationRequested: 'cancelled' },
    },
    ready: {
      description: 'The source runs and owns the data. Every check passed; replication may begin.',
      on: { VerificationRequested: 'verifying', ProtectionStarted: 'protected', CancellationRequested: 'cancelled' },
    },
    protected: {
      description: 'The source runs and owns the data. A replica is made and kept up to date.',
      on: protectedEvents,
    },
    testing: {
      description: 'The source runs and owns the data. A clone of the replica is tried in an isolated network.',
      initial: 'catchingUp',
      states: {
        catchingUp: {
          description:
            'The source runs and owns the data. What it wrote last is fetched before the replica is cloned, or the clone would be of no moment.',
          always: { guard: 'isParked', target: 'launching' },
          on: {
            TestJudged: { target: 'cleaningUp', actions: 'judgeTest' },
            // Logs from before there was this state have these next.
            TestLaunched: 'running',
            TestLaunchFailed: { target: 'cleaningUp', actions: 'failTest' },
          },
        },
        launching: {
          description: 'The source runs and owns the data. A clone of the replica is being started in isolation.',
          entry: 'launchTest',
          on: { TestLaunched: 'running', TestLaunchFailed: { target: 'cleaningUp', actions: 'failTest' } },
        },
        running: {
          description: 'The source runs and owns the data. The clone runs in isolation and waits for a verdict.',
          tags: 'asksOperator',
          on: { TestJudged: { target: 'cleaningUp', actions: 'judgeTest' } },
        },
        cleaningUp: {
          description: 'The source runs and owns the data. The clone is removed; the replica stays.',
          entry: 'cleanUpTest',
          on: { TestCleanedUp: '#migration.lifecycle.protected' },
        },
      },
      on: { CutoverApproved: { actions: 'approve' } },
    },
    cuttingOver: {
      description: 'The source is being replaced by the target, step by step, each of which can be taken back.',
      initial: 'approved',
      states: {
        approved: {
          description: 'The source runs and owns the data. The cutover begins as soon as the replica is close enough.',
          always: { guard: 'isParked', target: 'quiescing' },
          on: {
            CutoverRevoked: { target: '#migration.lifecycle.protected', actions: 'withdrawApproval' },
            CancellationRequested: cancelling,
          },
        },
        quiescing: {
          description:
            'The source owns the data and is being brought to rest: services stop, file systems are flushed.',
          tags: 'sourceDown',
          entry: [
            { type: 'quiesceSource', params: ({ context }) => ({ force: context.quiesceForced }) },
            armTimer('quiesce'),
          ],
          on: {
            SourceQuiesced: 'finalSync',
            QuiesceRefused: quiesceRefused,
            DeadlinePassed: [
              { guard: 'mayForceQuiesceAfterDeadline', target: 'quiescing', actions: 'forceQuiesce', reenter: true },
              { guard: 'quiesceDeadline', target: rollingBack },
            ],
            RollbackRequested: rollingBack,
          },
        },
        finalSync: {
          description: 'The source is at rest and owns the data. What it wrote last crosses to the replica.',
          tags: 'sourceDown',
          entry: {
            type: 'runFinalSync',
            params: ({ context }) => ({ round: context.round, dirty: context.dirty }),
          },
          on: {
            FinalSyncCompleted: { guard: 'sameRound', target: 'fencing', actions: 'countRound' },
            FinalSyncFailed: { target: rollingBack, actions: 'loseTracking' },
            RollbackRequested: rollingBack,
          },
        },
        fencing: {
          description:
            'The source is at rest. It is proven that it cannot run or talk again before the replica takes over.',
          tags: 'sourceDown',
          entry: 'fenceSource',
          on: {
            SourceFenced: [{ guard: 'launchesTarget', target: 'fixingUp' }, { target: 'validating' }],
            FencingFailed: rollingBack,
            RollbackRequested: rollingBack,
          },
        },
        fixingUp: {
          description:
            'The source is fenced. The replica is changed so that its guest boots and talks on the target hardware.',
          tags: 'sourceDown',
          entry: 'fixUpReplica',
          on: { ReplicaFixedUp: 'launching', FixUpFailed: rollingBack, RollbackRequested: rollingBack },
        },
        launching: {
          description: 'The source is fenced. The target VM is started with its networks disconnected.',
          tags: 'sourceDown',
          entry: 'launchTarget',
          on: { TargetLaunched: 'connecting', LaunchFailed: rollingBack, RollbackRequested: rollingBack },
        },
        connecting: {
          description:
            'The source is fenced. The target runs and its networks are connected: from here it may own new data.',
          tags: ['sourceDown', 'targetMayHaveWrites'],
          entry: 'connectTarget',
          on: { TargetConnected: 'validating', ConnectionFailed: rollingBack, RollbackRequested: rollingBack },
        },
        validating: {
          description: 'The source is fenced. The target, or the replica where that is the result, is checked.',
          tags: ['sourceDown', 'targetMayHaveWrites'],
          entry: 'validateTarget',
          on: {
            TargetValidated: '#migration.lifecycle.cutOver',
            ValidationFailed: [{ guard: 'asksOnFailure', target: 'undecided' }, { target: rollingBack }],
            RollbackRequested: rollingBack,
          },
        },
        undecided: {
          description: 'The source is fenced. The target runs and did not pass; a person accepts it or rolls back.',
          tags: ['sourceDown', 'targetMayHaveWrites', 'asksOperator'],
          on: { ValidationWaived: '#migration.lifecycle.cutOver', RollbackRequested: rollingBack },
        },
      },
    },
    cutOver: {
      description: 'The target owns the data. The source is fenced and kept, so that there is a way back.',
      tags: ['targetMayHaveWrites'],
      on: { FinalizationRequested: 'finalizing', RollbackRequested: 'rollingBack' },
    },
    finalizing: {
      description: 'The target owns the data. The source is retired: everything of ours is taken off it.',
      tags: ['targetMayHaveWrites', 'pastPointOfNoReturn'],
      initial: 'retiring',
      states: {
        retiring: {
          description: 'The target owns the data. The source is marked as retired and what we left on it is removed.',
          entry: 'retireSource',
          on: {
            SourceRetired: '#migration.lifecycle.finalized',
            RetirementFailed: { target: 'waiting', actions: 'countAttempt' },
          },
        },
        waiting: {
          description: 'The target owns the data. Retiring the source failed and is tried again.',
          entry: armTimer('release'),
          on: { DeadlinePassed: { guard: { type: 'timerIs', params: { timer: 'release' } }, target: 'retiring' } },
        },
      },
    },
    finalized: {
      description: 'The target owns the data. The source is retired and never deleted by us.',
      tags: ['targetMayHaveWrites', 'pastPointOfNoReturn', 'ended'],
      type: 'final',
    },
    rollingBack: {
      description: 'The target is stopped and disconnected, then the source is given back as it was found.',
      tags: 'sourceDown',
      entry: 'rollBack',
      on: { RolledBack: { target: 'rolledBack', actions: 'withdrawApproval' }, RollbackFailed: 'failed' },
    },
    rolledBack: {
      description:
        'The source runs as it was found and owns the data. The replica is kept; another try needs a delta only.',
      on: protectedEvents,
    },
    cancelling: {
      description:
        'The source runs and owns the data. Marks and exports of ours are taken off it; the replica is kept.',
      initial: 'releasing',
      states: {
        releasing: {
          description: 'The source owns the data. What we left on it is being removed.',
          entry: 'releaseSource',
          on: {
            SourceReleased: '#migration.lifecycle.cancelled',
            ReleaseFailed: { target: 'waiting', actions: 'countAttempt' },
          },
        },
        waiting: {
          description: 'The source owns the data. Removing what we left on it failed and is tried again.',
          entry: armTimer('release'),
          on: { DeadlinePassed: { guard: { type: 'timerIs', params: { timer: 'release' } }, target: 'releasing' } },
        },
      },
    },
    cancelled: {
      description:
        'The source runs and owns the data. The migration was given up; a replica, if there is one, is kept.',
      tags: 'ended',
      type: 'final',
    },
    failed: {
      description: 'Rolling back failed: where the source stands has to be looked at by a person.',
      tags: ['sourceDown', 'asksOperator'],
      on: { RollbackRequested: 'rollingBack', CancellationRequested: 'cancelling' },
    },
  },
});
