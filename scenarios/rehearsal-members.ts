import type { Command, Refusal } from '#core/driver/driver';
import type { Ending } from '#core/driver/run-driver';
import { stepDriver, type AppendNow, type SteppedDriver } from '#core/driver/step-driver';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, type FactId, type MigrationId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import type { Result } from '#core/result';
import type { Rng } from '#core/rng';
import type { WaveMembers } from '#core/wave/conductor';
import { memberWatches, type MemberWatches } from '#core/wave/member-watch';
import { standingOf } from '#core/wave/standing';
import type { FlowWorld } from '#simulator/flow/flow-world';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { factIds, unseen } from './fact-ids.ts';
import type { MemberSummary } from './rehearsal-summary.ts';
import { memberTally, type MemberTally } from './rehearsal-tally.ts';
import { courseRecorder, type CourseRecorder } from './wave-course.ts';

/** What the members of a rehearsal share. */
export interface MembersOptions {
  readonly appendTo: (stream: StreamId) => AppendNow;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly world: FlowWorld;
  readonly correlationId: string;
  /** `state` is what they led to. */
  readonly onFacts: (
    migration: MigrationId,
    stream: StreamId,
    facts: readonly ProposedFact<MigrationFact>[],
    state: MigrationState,
  ) => void;
  /** Facts are seen, or kept somewhere: each has a name of its own. */
  readonly namesFacts: boolean;
  /** Facts are kept to start drivers again from. */
  readonly keepsFacts: boolean;
  /** A driver ended that nobody had stopped. */
  readonly onEnded: (ending: Ending) => void;
}

/** The migrations of a rehearsal, each with its driver. */
export interface RehearsalMembers extends WaveMembers {
  /** Starts a migration's driver and drafts it. */
  draft(migration: MigrationId, plan: MigrationPlan): Result<void, Refusal<Rejection>>;
  /** Goes on with a migration that has facts already. Its VM is named after it in the world, which knows where it stands. */
  takeUp(migration: MigrationId, plan: MigrationPlan, history: readonly ProposedFact<MigrationFact>[]): void;
  /** `answered` is called once the command's facts are in the log, or with the reason why there are none. */
  send(migration: MigrationId, command: Command<MigrationCommand>, answered: Answered): void;
  /** Whoever waits for a change looks again. */
  wake(): void;
  summary(migration: MigrationId, expected: string | null): MemberSummary;
  /** Where all of them stood over time. */
  readonly course: Pick<CourseRecorder, 'course' | 'lastMoved'>;
  stop(): void;
  /** Starts every driver anew from the facts that were kept, after a stop. */
  restart(): void;
}

type Answered = (result: Result<void, Refusal<Rejection>>) => void;

/** What a driver is made from, as often as that has to be. */
interface Made {
  /** Its name in the world. */
  readonly vm: string;
  readonly plan: MigrationPlan;
  readonly newFactId: () => FactId;
  readonly facts: ProposedFact<MigrationFact>[];
}

interface Member extends Made {
  driver: SteppedDriver<MigrationState, MigrationCommand, Rejection>;
  readonly tally: MemberTally;
  /** What a planner looks at, when it last changed. */
  standing: number;
}

/** No members yet: each is drafted, or taken up. */
export function rehearsalMembers(options: MembersOptions): RehearsalMembers {
  const { clock, rng, namesFacts } = options;
  const members = new Map<MigrationId, Member>();
  const course = courseRecorder(clock.now());
  const watches = memberWatches();
  const commandIds = rng.fork('commands');

  const added = adding(options, watches);

  const send: RehearsalMembers['send'] = (migration, command, answered) => {
    const member = members.get(migration);
    if (member) member.driver.command(command, answered);
    else answered(notThere);
  };

  const enter = (migration: MigrationId, { vm, plan, facts: known }: Omit<Made, 'newFactId'>): Member['driver'] => {
    const stream: StreamId = `migration-${migration}`;
    const newFactId = namesFacts ? factIds(rng.fork(stream)) : unseen;
    const whole: Made = { vm, plan, newFactId, facts: known };
    const { driver, settle } = begun(options, stream, whole, (facts) => added(migration, member, stream, facts));
    course.enter();
    const tally = memberTally(course);
    tally.add(known, driver.state());
    const member: Member = { vm, plan, newFactId, facts: known, driver, tally, standing: -1 };
    members.set(migration, member);
    settle();
    return driver;
  };

  return {
    takeUp: (migration, plan, history) => void enter(migration, { vm: migration, plan, facts: [...history] }),
    draft(migration, plan) {
      const driver = enter(migration, { vm: plan.vm.name, plan, facts: [] });
      return drafted(driver, plan, { id: commandId(commandIds.uuid()), at: clock.now() });
    },
    send,
    command: (migration, command, answered) =>
      send(migration, { id: commandId(commandIds.uuid()), actor: 'planner', at: clock.now(), command }, answered),
    state: (migration) => members.get(migration)?.driver.state(),
    watch: (onNews) => watches.watch(onNews),
    soon: (act) => void clock.schedule(clock.now(), act),
    wake: () => watches.tell(),
    summary(migration, expected) {
      const member = members.get(migration);
      return (member?.tally ?? memberTally()).summary(migration, member?.driver.state(), expected, clock.now());
    },
    course,
    stop() {
      for (const { driver } of members.values()) driver.stop();
    },
    restart() {
      for (const [migration, member] of members) {
        const stream: StreamId = `migration-${migration}`;
        const { driver, settle } = begun(options, stream, member, (facts) => added(migration, member, stream, facts));
        member.driver = driver;
        member.standing = standingOf(driver.state());
        settle();
      }
      watches.tell();
    },
  };
}

/** Takes note of a member's new facts, and passes them on. */
const adding =
  ({ keepsFacts, onFacts }: MembersOptions, watches: MemberWatches) =>
  (migration: MigrationId, member: Member, stream: StreamId, facts: readonly ProposedFact<MigrationFact>[]): void => {
    const state = member.driver.state();
    member.tally.add(facts, state);
    if (keepsFacts) member.facts.push(...facts);
    onFacts(migration, stream, facts, state);
    // A planner asks where members stand. Progress within a round is nothing to wake it for.
    const standing = standingOf(state);
    if (standing === member.standing) return;
    member.standing = standing;
    watches.tell(migration);
  };

interface Begun {
  readonly driver: Member['driver'];
  /** Tells what was held back, and from then on everything as it comes. */
  settle(): void;
}

/** Starts a driver. One with a history acts before it is even here: what comes of that is held back until it is. */
function begun(
  { appendTo, clock, world, correlationId, onEnded }: MembersOptions,
  stream: StreamId,
  { vm, plan, newFactId, facts: history }: Made,
  onFacts: (facts: readonly ProposedFact<MigrationFact>[]) => void,
): Begun {
  const early: ProposedFact<MigrationFact>[] = [];
  let isHere = false;
  // Member by member: what a spread adds to makes an object unlike all others, and each look at it is slow.
  const driver = stepDriver(migrationModel, stream, {
    append: appendTo(stream),
    clock,
    correlationId,
    newFactId,
    onEnded,
    world: world.of(vm, plan),
    history: [...history],
    onFacts: (facts) => {
      if (isHere) onFacts(facts);
      else early.push(...facts);
    },
  });
  return {
    driver,
    settle: () => {
      isHere = true;
      if (early.length > 0) onFacts(early);
    },
  };
}

/** Drafts a migration. In virtual time it is answered at once. */
function drafted(
  driver: Member['driver'],
  plan: MigrationPlan,
  { id, at }: Pick<Command<MigrationCommand>, 'id' | 'at'>,
): Result<void, Refusal<Rejection>> {
  const command: MigrationCommand = { type: 'DraftMigration', data: { plan } };
  let answer = notThere as Result<void, Refusal<Rejection>>;
  driver.command({ id, actor: `operator:${plan.requester}`, at, command }, (result) => (answer = result));
  return answer;
}

const notThere: Result<never, Refusal<Rejection>> = { ok: false, error: { type: 'NotDrafted' } };
