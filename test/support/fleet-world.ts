import type { Clock } from '#core/clock';
import type { WorkItem } from '#core/driver/model';
import type { Outcome, World } from '#core/driver/world';
import type { DiskId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import type { Effect } from '#core/migration/effects';
import type { Check, MigrationFact, RoundReport } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { bytes, bytesPerSecond, GiB, MiB, millis, type Round } from '#core/units';

/** What kind of VM it is: what goes wrong with it, if anything. */
export type Temper =
  | 'plain'
  /** Writes faster than it can be copied. */
  | 'busy'
  /** Its full sync stalls twice and goes on. */
  | 'stalls'
  /** Fails verification. */
  | 'blocked'
  /** Loses change tracking once. */
  | 'loses'
  /** Refuses to be quiesced. */
  | 'refuses'
  /** Fails validation, and a person is asked. */
  | 'undecided'
  /** The answer to its launch is lost. */
  | 'unknown'
  /** The receiver goes away for a while. */
  | 'disconnects'
  /** Needs a test launch. */
  | 'tested'
  /** Needs an approval by another. */
  | 'approvalNeeded';

interface FleetWorldOptions {
  readonly temper: Temper;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly disks: readonly DiskId[];
}

type MigrationWork = WorkItem<Effect>;
type MigrationOutcome = Outcome<MigrationFact>;

const facts = (...all: readonly MigrationFact[]): MigrationOutcome => ({ type: 'facts', facts: all });
const reportsPerSync = 40;

/** One VM in a made-up world: bytes are counted, waiting costs nothing, and what goes wrong follows from its temper. */
export const fleetWorld = (options: FleetWorldOptions): World<MigrationFact, Effect> => new FleetWorld(options);

type Report = (fact: MigrationFact) => void;

class FleetWorld implements World<MigrationFact, Effect> {
  readonly #temper: Temper;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #disks: readonly DiskId[];
  readonly #allocated: number;
  readonly #rate: number;
  readonly #written: number;
  #troubles = 0;

  constructor({ temper, clock, rng, disks }: FleetWorldOptions) {
    this.#disks = disks;
    this.#temper = temper;
    this.#clock = clock;
    this.#rng = rng;
    this.#allocated = rng.between(6, 40) * GiB;
    this.#rate = rng.between(60, 180) * MiB;
    this.#written = temper === 'busy' ? Math.round(this.#rate * 1.05) : rng.between(1, 8) * MiB;
  }

  perform: World<MigrationFact, Effect>['perform'] = async (work, report, signal) => {
    switch (work.effect.type) {
      case 'verifySource':
        await this.#wait(2, 8, signal);
        return this.#temper === 'blocked'
          ? facts({ type: 'VerificationFailed', data: { checks: [...checks, noSpace] } })
          : facts({ type: 'VerificationPassed', data: { checks } });
      case 'initiateReplication':
        await this.#wait(1, 4, signal);
        return facts({
          type: 'ReplicationInitiated',
          data: { disks: this.#disks.map((disk) => ({ disk, tracked: true })) },
        });
      case 'runFullSync':
      case 'runDeltaSync':
      case 'runRescan':
      case 'runFinalSync':
        return this.#copy(work.effect, report, signal);
      default:
        await this.#wait(2, 20, signal);
        return stepOutcome(work, this.#temper);
    }
  };

  reconcile: World<MigrationFact, Effect>['reconcile'] = async (work, signal) => {
    await this.#wait(5, 10, signal);
    const outcome = stepOutcome(work, 'plain');
    return outcome.type === 'facts' ? { type: 'done', facts: outcome.facts } : { type: 'notDone' };
  };

  #wait(from: number, to: number, signal: AbortSignal): Promise<void> {
    return this.#clock.wait(millis(this.#rng.between(from * 1000, to * 1000)), signal);
  }

  async #copy(effect: Effect, report: Report, signal: AbortSignal): Promise<MigrationOutcome> {
    switch (effect.type) {
      case 'runFullSync':
      case 'runRescan': {
        const kind = effect.type === 'runFullSync' ? 'full' : 'rescan';
        const done = await this.#round({ kind, round: effect.params.round, planned: this.#allocated }, report, signal);
        return done ? facts({ type: 'RoundCompleted', data: done }) : this.#trouble();
      }
      case 'runDeltaSync': {
        // Asked for after a rest, more is dirty than the last round left.
        const planned = Math.max(effect.params.dirty, this.#rng.between(8, 60) * MiB);
        const done = await this.#round({ kind: 'delta', round: effect.params.round, planned }, report, signal);
        return done ? facts({ type: 'RoundCompleted', data: done }) : facts();
      }
      case 'runFinalSync': {
        const planned = effect.params.dirty + 4 * MiB;
        const done = await this.#round({ kind: 'final', round: effect.params.round, planned }, report, signal);
        return done ? facts({ type: 'FinalSyncCompleted', data: done }) : facts();
      }
      default:
        throw new InvariantError(`${effect.type} copies nothing`);
    }
  }

  /** Null when it was broken off half-way. */
  async #round(
    { kind, round, planned }: RoundWanted,
    report: Report,
    signal: AbortSignal,
  ): Promise<RoundReport | null> {
    const zero = kind === 'full' ? Math.floor(planned / 5) : 0;
    const steps = kind === 'full' || kind === 'rescan' ? reportsPerSync : 4;
    const took = millis(Math.max(200, Math.round(((planned - zero) / this.#rate) * 1000)));
    const breaks = kind === 'full' && this.#isTroubled();
    for (let step = 1; step <= steps; step += 1) {
      const pace = 0.7 + this.#rng.between(0, 60) / 100;
      await this.#clock.wait(millis(Math.max(1, Math.floor((took / steps) * pace))), signal);
      if (signal.aborted) return null;
      const done = Math.floor((planned * step) / steps);
      const sent = bytes(Math.max(0, done - zero));
      report({ type: 'RoundProgressed', data: { round, done: bytes(done), total: bytes(planned), sent } });
      if (breaks && step === steps / 2) return null;
    }
    const dirty = kind === 'final' ? 0 : Math.min(this.#allocated, Math.round((took / 1000) * this.#written));
    const [sent, zeroed] = [bytes(planned - zero), bytes(zero)];
    return {
      round,
      kind,
      planned: bytes(planned),
      sent,
      zeroed,
      resumed: bytes(0),
      duration: took,
      rate: bytesPerSecond(Math.round((sent / Math.max(1, took)) * 1000)),
      dirty: bytes(dirty),
      disks: this.#disks.map((disk) => ({
        disk,
        sent: bytes(Math.floor(sent / this.#disks.length)),
        zeroed: bytes(Math.floor(zeroed / this.#disks.length)),
        root: this.#rng.uuid().replaceAll('-', ''),
      })),
    };
  }

  #isTroubled(): boolean {
    if (this.#temper === 'stalls') return true;
    return (this.#temper === 'disconnects' && this.#troubles < 3) || (this.#temper === 'loses' && this.#troubles < 1);
  }

  #trouble(): MigrationOutcome {
    this.#troubles += 1;
    if (this.#temper === 'loses')
      return facts({
        type: 'TrackingLost',
        data: { disk: this.#disks[0] ?? ('vda' as DiskId), detail: 'the bitmap is marked as inconsistent' },
      });
    if (this.#temper === 'disconnects') {
      const reason = { type: 'ConnectionReset', detail: 'connection reset by peer while sending block 81920' };
      return facts({ type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } });
    }
    const reason = { type: 'DatastoreFull', detail: 'datastore ds-prod-2 has 1.2 GiB left, 14 GiB are needed' };
    return facts({ type: 'ReplicationStalled', data: { reason, retryable: this.#troubles < 3 } });
  }
}

interface RoundWanted {
  readonly kind: RoundReport['kind'];
  readonly round: Round;
  readonly planned: number;
}

const check = (id: string, message: string): Check => ({ id, verdict: 'passed', message, remedy: '' });
const checks: readonly Check[] = [
  check('source-reachable', 'the source answers in 3 ms'),
  check('disk-trackable:vda', 'writes to vda can be tracked'),
  {
    id: 'guest-agent',
    verdict: 'warning',
    message: 'no guest agent answers: the guest is stopped by its power button',
    remedy: 'install qemu-guest-agent in the guest for a cleaner stop',
  },
];
const noSpace: Check = {
  id: 'target-space',
  verdict: 'failed',
  message: 'datastore ds-prod-2 has 3.1 GiB left, the disks need 38 GiB',
  remedy: 'free 35 GiB on ds-prod-2 or choose another datastore in the plan',
};
const answers = [check('target-answers', 'the target answers on port 22'), check('services', '4 of 4 services run')];

function stepOutcome({ effect }: MigrationWork, temper: Temper): MigrationOutcome {
  switch (effect.type) {
    case 'launchTest':
      return facts({ type: 'TestLaunched', data: { vm: 'test-clone-17' } });
    case 'cleanUpTest':
      return facts({ type: 'TestCleanedUp', data: {} });
    case 'quiesceSource':
      return temper === 'refuses'
        ? facts({
            type: 'QuiesceRefused',
            data: {
              reason: { type: 'GuestBusy', detail: 'the guest ignored the shutdown request: backup.service runs' },
            },
          })
        : facts({ type: 'SourceQuiesced', data: { method: 'guest shut down', found: 'running' } });
    case 'fenceSource':
      return facts({ type: 'SourceFenced', data: { proof: 'powered off, NICs detached, autostart off' } });
    case 'fixUpReplica':
      return facts({
        type: 'ReplicaFixedUp',
        data: { findings: [check('initramfs', 'vmw_pvscsi and vmxnet3 added')] },
      });
    case 'launchTarget':
      return temper === 'unknown'
        ? { type: 'unknown', why: 'the answer to PowerOnVM_Task was lost: connection closed' }
        : facts({ type: 'TargetLaunched', data: { vm: 'vm-4711' } });
    case 'connectTarget':
      return facts({ type: 'TargetConnected', data: { networks: ['prod-10', 'backup-20'] } });
    case 'validateTarget':
      return temper === 'undecided'
        ? facts({
            type: 'ValidationFailed',
            data: {
              checks: [
                ...answers,
                {
                  id: 'http',
                  verdict: 'failed',
                  message: 'GET /health answers 502',
                  remedy: 'look at the application log',
                },
              ],
            },
          })
        : facts({ type: 'TargetValidated', data: { checks: answers } });
    case 'rollBack':
      return facts({ type: 'RolledBack', data: { source: 'running' } });
    case 'releaseSource':
      return facts({ type: 'SourceReleased', data: { removed: ['bitmap sealift-0'] } });
    case 'retireSource':
      return facts({ type: 'SourceRetired', data: { note: 'powered off, renamed to retired-*' } });
    default:
      throw new InvariantError(`${effect.type} is no step`);
  }
}
