import fc from 'fast-check';
import type { MigrationFact } from '#core/migration/facts';
import { commandTypes } from '#core/migration/commands';
import { foldMigration, type MigrationState } from '#core/migration/evolve';
import { axesOf } from '#core/migration/abilities';
import type { MigrationPlan } from '#core/migration/plan';
import { after, instant, millis, minutes, seconds } from '#core/units';
import { mayStartSource } from '#replicator/live/launch/starting-source';
import { goals, nextStep, type Goal } from '#scenarios/migrate-step';
import { cutoverJudge, words, type CutoverJudge } from './cutover-judge.ts';
import { nemesis, type Nemesis } from './cutover-nemesis.ts';
import { anyStory, anyTrouble, sentenceOf, type Trouble } from './cutover-troubles.ts';
import { smallMigration, type Life, type SmallMigration } from './small-migration.ts';

/*
 * Cutovers walked through whatever may happen to them: the chart, the driver, whoever conducts, and the live world are the
 * real ones, beside a source, a platform and a fix-up engine that refuse, lose answers and are late, under managers that die,
 * and operators and clusters that do what they like. A judge holds each fact against the machines. Once nothing goes wrong
 * any more it has to come to its end.
 */

/** One life of whoever carries it out. */
interface WalkedLife {
  readonly goal: Goal;
  readonly troubles: readonly Trouble[];
}

/** A migration, and what it meets with. */
export interface CutoverWalk {
  readonly plan: Pick<MigrationPlan, 'handOver' | 'testLaunch' | 'approval'> & {
    readonly onRefusal: 'force' | 'rollBack';
  };
  /** A guest writes a block every so many steps. */
  readonly writesEvery: number;
  readonly bootTakes: number;
  /** Its sentinel has another way to its gateway than the networks that a fence takes from it. */
  readonly hasOtherWay: boolean;
  /** The next round is due so soon that it comes while a replica is copied. */
  readonly refreshesOften: boolean;
  readonly lives: readonly WalkedLife[];
}

const anyLife = fc.record<WalkedLife>({
  goal: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Goal>('cutOver') },
    { weight: 3, arbitrary: fc.constant<Goal>('finalize') },
    { weight: 1, arbitrary: fc.constantFrom(...goals) },
  ),
  // Few at a time, or no life gets as far as a target that is connected.
  troubles: fc.oneof(
    { weight: 4, arbitrary: fc.array(anyTrouble, { maxLength: 3, size: 'max' }) },
    { weight: 1, arbitrary: anyStory },
  ),
});

/** Any walk. */
export const anyCutoverWalk: fc.Arbitrary<CutoverWalk> = fc.record<CutoverWalk>({
  plan: fc
    .record({
      // Disks that are handed over cannot be launched in a test either.
      ends: fc.constantFrom<Pick<MigrationPlan, 'handOver' | 'testLaunch'>>(
        { handOver: 'launch', testLaunch: 'optional' },
        { handOver: 'launch', testLaunch: 'required' },
        { handOver: 'replica', testLaunch: 'optional' },
      ),
      approval: fc.constantFrom('given', 'requiredByAnother'),
      onRefusal: fc.constantFrom('rollBack', 'rollBack', 'force'),
    })
    .map(({ ends, ...rest }) => ({ ...ends, ...rest })),
  writesEvery: fc.constantFrom(7, 2, 60),
  bootTakes: fc.constantFrom(0, 4_000, 8_000),
  hasOtherWay: fc.boolean(),
  refreshesOften: fc.boolean(),
  lives: fc.array(anyLife, { minLength: 1, maxLength: 3, size: 'max' }),
});

const migration = 'migration-small';
// What waits for a person waits for ever.
const lifeMax = minutes(2);
// One that is rolled back, one that cuts over, and what a person has to be asked for in between.
const calmLives = 5;

/** Walks one migration, and throws the story of what is wrong. */
export async function soundCutovers(walk: CutoverWalk): Promise<void> {
  const walked = new WalkedMigration(walk);
  await walked.run();
}

class WalkedMigration {
  readonly #walk: CutoverWalk;
  readonly #small: SmallMigration;
  readonly #judge: CutoverJudge;
  readonly #story: string[] = [];
  #written = 0;

  constructor(walk: CutoverWalk) {
    const { onRefusal, ...plan } = walk.plan;
    const quiesce = { timeout: seconds(300), onRefusal };
    // The copy of two disks takes longer than that, and less than the two of it that a lag may be.
    const refreshEvery = walk.refreshesOften ? millis(300) : seconds(60);
    this.#walk = walk;
    this.#small = smallMigration(
      { ...plan, quiesce, refreshEvery, onValidationFailure: 'rollBack' },
      { writes: false },
    );
    const { launch } = this.#small;
    launch.words = words;
    launch.bootTakes = millis(walk.bootTakes);
    launch.hasOtherWay = walk.hasOtherWay;
    launch.copyTakes = millis(walk.refreshesOften ? 200 : 1);
    this.#judge = cutoverJudge(this.#small, { handOver: plan.handOver, quiesce });
  }

  async run(): Promise<void> {
    try {
      await this.#walkThrough();
    } catch (error) {
      throw this.#told(error instanceof Error ? error.message : String(error));
    }
  }

  async #walkThrough(): Promise<void> {
    for (const life of this.#walk.lives) await this.#live(life, false);
    let ending: Life['ending'] = 'died';
    for (let nth = 1; nth <= calmLives && !isOver(ending); nth += 1)
      ending = await this.#live({ goal: 'cutOver', troubles: [] }, true);
    if (!isOver(ending)) throw new Error(`L19 nothing goes wrong any more, and it does not come to its end: ${ending}`);
  }

  async #live({ goal, troubles }: WalkedLife, isCalm: boolean): Promise<Life['ending']> {
    const small = this.#small;
    small.launch.fates.clear();
    small.launch.fails.clear();
    this.#tell(`a manager is started, to ${goal}`);
    const met = nemesis(small, this.#judge, troubles, {
      tell: (line) => this.#tell(line),
      writeNext: () => this.#writeNext(),
      launches: this.#walk.plan.handOver === 'launch',
    });
    await this.#takeUp(isCalm);
    const latest = after(small.clock.now(), lifeMax);
    const { ending } = await small.live({
      goal,
      // A person who is asked looks, and finds that what is not known to be done has to be done again.
      outcome: 'notDone',
      approve: async () => 'grace',
      signal: met.signal,
      within: lifeMax,
      onRunning: (send) => {
        met.meets(send);
        // A comparison has failed, and says what helps.
        if (isCalm && this.#judge.isSpoiled)
          void send({ type: 'RescanDisks', data: { reason: 'it differs' } }, 'operator:grace');
      },
      onStep: (at, die, name) => this.#step({ at, die, name }, met),
      onAppended: (facts) => this.#take(facts, met),
    });
    this.#tell(`it is over: ${ending}`);
    if (ending === 'interrupted') this.#judge.wasInterrupted();
    if (ending === 'died' && small.clock.now() >= latest && !met.signal.aborted) await this.#waitsForSomething(goal);
    const [wrong] = this.#judge.wrong;
    if (wrong !== undefined) throw new Error(wrong);
    return ending;
  }

  /** Whoever conducts it was still at it when the life was over: then there was something left that might have come. */
  async #waitsForSomething(goal: Goal): Promise<void> {
    const { plan } = this.#small;
    const state = await this.#state();
    // Whatever was sent before in this life.
    const steps = [[], commandTypes].map((sent) => nextStep(state, plan, new Set(sent), goal));
    if (steps.every(({ type }) => type === 'end'))
      throw new Error(`L19 nothing is left to do, and whoever conducts it waits: ${axesOf(state).lifecycle}`);
  }

  #tell(line: string): void {
    this.#story.push(`${this.#small.clock.now()} ${line}`);
  }

  // Every block in turn and some twice, each time with a number that was never there before.
  #writeNext(): void {
    const { source } = this.#small;
    const all = [...source.disks].flatMap(([disk, blocks]) => blocks.map((_, block) => ({ disk, block })));
    this.#written += 1;
    const at = all[(this.#written * 5) % all.length];
    if (at) source.write(at.disk, at.block, this.#written);
  }

  #step({ at, die, name }: { at: number; die: () => void; name: string }, met: Nemesis): void {
    if (at % this.#walk.writesEvery === 0) this.#writeNext();
    this.#judge.stepped(name);
    met.comesTo({ at, name }, die);
  }

  #take(facts: readonly MigrationFact[], met: Nemesis): void {
    for (const fact of facts) {
      if (!quiet.has(fact.type)) this.#tell(wordsOf(fact));
      this.#judge.took([fact]);
      met.hears(fact);
    }
  }

  /** Whoever takes the migration up again first looks after the source, as the laboratory does; a person does so, too. */
  async #takeUp(isCalm: boolean): Promise<void> {
    const { source, launch, clock } = this.#small;
    const state = await this.#state();
    if (isCalm) this.#lendAHand(axesOf(state).lifecycle);
    const { target, power } = launch.site(async () => undefined);
    const look = async (): Promise<void> => {
      const may = await mayStartSource(state, target, 'web-01');
      if (!may.ok || !may.value || source.power !== 'off') return;
      this.#tell('whoever takes it up starts the source, which is off');
      this.#judge.startsSource();
      await power.reconnect();
      await power.powerOn();
      this.#judge.byHand('switched');
    };
    await clock.run(look());
    // Who is told that the guest does not answer waits for it, and then tries again.
    if (isCalm) await clock.run(clock.wait(millis(Math.max(0, launch.awayUntil - clock.now()))));
  }

  /** What nobody but a person can do: start what has crashed, plug in what was unplugged, stop what runs beside its target. */
  #lendAHand(lifecycle: string): void {
    const { source, launch } = this.#small;
    const isStuck = lifecycle === 'failed' && this.#walk.plan.handOver === 'replica' && source.power === 'off';
    if (source.power === 'crashed' || isStuck) {
      this.#tell('a person starts the source');
      source.restart();
      this.#judge.byHand('switched');
    }
    if (lifecycle.startsWith('finalizing') && source.power !== 'off') {
      this.#tell('a person switches the source off');
      source.power = 'off';
      this.#judge.byHand('switched');
    }
    const hasTarget = [...launch.vms.values()].some(({ links }) => links === 'connected');
    if (source.power !== 'off' && !launch.sourceConnected && !this.#judge.isTaken && !hasTarget) {
      this.#tell('a person plugs the source in');
      launch.sourceConnected = true;
      this.#judge.byHand('plugged');
    }
  }

  async #state(): Promise<MigrationState> {
    const facts = await this.#small.facts();
    return foldMigration(facts.map((fact) => ({ fact, place: { stream: migration, time: instant(0) } })));
  }

  #told(why: string): Error {
    const { plan, writesEvery, bootTakes, hasOtherWay, refreshesOften, lives } = this.#walk;
    const pace = refreshesOften ? ', rounds without a pause' : '';
    const given = [
      `given a ${plan.handOver} (test ${plan.testLaunch}, approval ${plan.approval}, a refusal leads to ${plan.onRefusal})`,
      `a guest that writes every ${writesEvery} steps and boots in ${bootTakes} ms${hasOtherWay ? ', whose sentinel has a way of its own' : ''}${pace}`,
    ].join(', ');
    const met = lives.map(({ goal, troubles }) =>
      [`when somebody runs it to ${goal}`, ...troubles.map(sentenceOf)].join('\n  '),
    );
    return new Error([why, given, ...met, ...this.#story].join('\n'));
  }
}

const isOver = (ending: Life['ending']): boolean => ['cutOver', 'finalized', 'cancelled'].includes(ending);

const quiet: ReadonlySet<MigrationFact['type']> = new Set([
  ...(['RoundProgressed', 'StepReported', 'FixUpPlanned', 'ConsoleCaptured', 'GuestInspected'] as const),
]);

function wordsOf(fact: MigrationFact): string {
  const { data } = fact;
  if ('reason' in data && typeof data.reason === 'object') return `${fact.type}: ${data.reason.detail}`;
  return 'effect' in data ? `${fact.type} ${data.effect}` : fact.type;
}
