import fc from 'fast-check';
import { breachLines } from '#core/laws/breach-text';
import { court, type Breach } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { decide } from '#core/migration/decide';
import { canTake } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { after, instant, millis, minutes, seconds, type Instant } from '#core/units';
import type { WaveCommand } from '#core/wave/commands';
import { decideWave, waveStateName } from '#core/wave/decide';
import { evolveWave, initialWave, type WaveState } from '#core/wave/evolve';
import type { WaveFact } from '#core/wave/facts';
import { waveModel } from '#core/wave/model';
import type { WaveMember, WavePlan } from '#core/wave/plan';
import { wavePlanner, type WaveDecision, type WavePhase } from '#core/wave/planner';
import { samplePlan } from './migration-facts.ts';
import { isCuttingOver, isReplicating, memberId, ObedientFleet } from './obedient-fleet.ts';
import { anyWavePlan } from './wave-plans.ts';

/*
 * Waves walked through whatever may happen to them: members that work, fail and are cut off, people who approve, pause and
 * go on, and time that passes. The planner and the chart of the wave are the real ones; the laws of waves judge.
 */

/** What happens next in a wave, and to which of its members. */
export interface WaveDraw {
  readonly what: 'works' | 'fails' | 'linkChanges' | 'approves' | 'approvesMember' | 'pauses' | 'timePasses';
  readonly pick: number;
}

/** A wave with the plans of its members. */
export interface ConductedWave {
  readonly plan: WavePlan;
  readonly members: readonly MigrationPlan[];
  /** Whose targets never boot. */
  readonly unbootable: readonly boolean[];
}

const scale = 60_000;
const scaled = (time: number | undefined) => (time === undefined ? undefined : millis(time * scale));

/** The same plan in minutes, in which laws count. */
function inMinutes(plan: WavePlan): WavePlan {
  const { members, window, retry } = plan;
  const reserve = scaled(retry?.reserve);
  return {
    ...plan,
    members: members.map((member) => {
      const expected = scaled(member.expected);
      return expected === undefined ? member : { ...member, expected };
    }),
    window: { opens: instant(window.opens * scale), closes: instant(window.closes * scale) },
    ...(retry && { retry: { times: retry.times, after: millis(retry.after * scale), ...(reserve && { reserve }) } }),
  };
}

/** A wave of any plan, with members of any. */
export const anyConductedWave: fc.Arbitrary<ConductedWave> = fc
  .record({
    plan: anyWavePlan({ apart: true, retry: true, expected: true }),
    approval: fc.constantFrom(undefined, undefined, 'required', 'requiredByAnother'),
    onWindowClose: fc.constantFrom('rollBack', 'finish'),
    approvals: fc.array(fc.constantFrom('given', 'given', 'required', 'requiredByAnother'), {
      minLength: 7,
      maxLength: 7,
    }),
    unbootable: fc.array(fc.constantFrom(false, false, true), { minLength: 7, maxLength: 7 }),
    requesters: fc.array(fc.constantFrom('ada', 'grace'), { minLength: 7, maxLength: 7 }),
  } as const)
  .map(({ plan, approval, onWindowClose, approvals, requesters, unbootable }) => ({
    unbootable,
    plan: { ...inMinutes(plan), onWindowClose, ...(approval && { approval }) },
    members: plan.members.map((_, n) =>
      samplePlan({ approval: approvals[n] ?? 'given', requester: requesters[n] ?? 'ada' }),
    ),
  }));

const weights = {
  works: 24,
  fails: 4,
  linkChanges: 2,
  approves: 1,
  approvesMember: 1,
  pauses: 1,
  timePasses: 2,
} as const;

/** Whatever may happen to a wave. */
export const anyWaveDraws: fc.Arbitrary<readonly WaveDraw[]> = fc.array(
  fc.record({
    what: fc.oneof(
      ...Object.entries(weights).map(([what, weight]) => ({
        weight,
        arbitrary: fc.constant(what as WaveDraw['what']),
      })),
    ),
    pick: fc.nat(20),
  }),
  { maxLength: 150, size: 'max' },
);

const wavesAlone = new Set(['L10', 'L11', 'L16', 'L21', 'L23']);
const waveLaws = laws.filter(({ id }) => wavesAlone.has(id));
const stream = 'wave-walked' as const;
// More than the laws allow between what passes and what it forbids.
const longWhile = minutes(25);
const stepsMax = 2_000;

/** Members that tell of each of their facts. */
class ToldFleet extends ObedientFleet {
  onFact: (member: MigrationId, fact: MigrationFact) => void = () => undefined;

  override take(member: MigrationId, fact: MigrationFact): void {
    super.take(member, fact);
    this.onFact(member, fact);
  }
}

class WalkedWave {
  readonly #plan: WavePlan;
  readonly #unbootable: ReadonlySet<MigrationId>;
  readonly #fleet = new ToldFleet([]);
  readonly #court = court(waveLaws);
  readonly #revisions = new Map<string, number>();
  readonly #breaches: Breach[] = [];
  readonly story: string[] = [];
  #wave: WaveState = initialWave();
  #now: Instant = instant(0);
  #actor = 'world';

  constructor({ plan, members, unbootable }: ConductedWave) {
    this.#plan = plan;
    this.#unbootable = new Set(members.flatMap((_, n) => (unbootable[n] ? [memberId(n)] : [])));
    const judge = (this.#fleet.onFact = (member: MigrationId, fact: MigrationFact): void =>
      this.#judge(`migration-${member}`, fact));
    members.forEach((each, n) => this.#fleet.take(memberId(n), { type: 'MigrationDrafted', data: { plan: each } }));
    for (const { migration } of plan.members) this.#fleet.verify(migration);
    // What was before the wave is no part of it.
    this.#fleet.onFact = () => undefined;
    for (const { migration, cutoversBefore = 0 } of plan.members)
      if (cutoversBefore > 0) this.#fleet.rollBackOnce(migration);
    this.#fleet.onFact = judge;
    this.#takeWave({ type: 'WaveDrafted', data: { plan } });
    this.#takeWave({ type: 'WaveStarted', data: {} });
    this.#obey();
  }

  get isOver(): boolean {
    return waveModel.hasEnded(this.#wave);
  }

  happen({ what, pick }: WaveDraw): void {
    this.#now = after(this.#now, seconds(1));
    const member = memberId(pick % this.#plan.members.length);
    switch (what) {
      case 'works':
      case 'fails':
        this.#work(pick, what === 'fails');
        break;
      case 'linkChanges':
        this.#changeLink(member);
        break;
      case 'approves':
        this.#command({ type: 'ApproveWave', data: { by: pick % 2 === 0 ? 'grace' : 'ada' } });
        break;
      case 'approvesMember': {
        const facts = decide({ type: 'ApproveCutover', data: { by: 'edsger' } }, this.#fleet.stateOf(member));
        if (facts.ok) for (const fact of facts.value) this.#fleet.take(member, fact);
        break;
      }
      case 'pauses': {
        const isPaused = waveStateName(this.#wave).endsWith('paused');
        this.#command(isPaused ? { type: 'ResumeWave', data: {} } : { type: 'PauseWave', data: { reason: 'asked' } });
        break;
      }
      case 'timePasses':
        this.#passTime();
    }
    this.#obey();
  }

  /** Brings it to its end: everybody works, links come back, time passes. */
  finish(): void {
    for (let step = 0; step < stepsMax && !this.isOver; step += 1) {
      this.#now = after(this.#now, seconds(1));
      const { members } = this.#plan;
      if (!members.some((_, n) => this.#work(n, false)) && !members.some((_, n) => this.#reconnect(memberId(n))))
        this.#passTime();
      this.#obey();
    }
    if (!this.isOver) throw new Error(`the wave does not come to an end\n${this.story.join('\n')}`);
  }

  #judge(of: Entry['stream'], fact: Entry['fact']): void {
    const revision = this.#revisions.get(of) ?? 0;
    this.#revisions.set(of, revision + 1);
    this.story.push(`+${Math.round(this.#now / 1_000)} s ${of} ${fact.type}`);
    const entry = { stream: of, revision, fact, at: this.#now, actor: this.#actor, schemaVersion: 1 };
    this.#breaches.push(...this.#court.take(entry));
    if (this.#breaches.length > 0)
      throw new Error([...breachLines(waveLaws, this.#breaches, instant(0)), ...this.story].join('\n'));
  }

  #takeWave(fact: WaveFact): void {
    this.#wave = evolveWave(this.#wave, fact, { stream, time: this.#now });
    this.#judge(stream, fact);
  }

  #command(command: WaveCommand): void {
    const facts = decideWave(command, this.#wave);
    if (facts.ok) for (const fact of facts.value) this.#takeWave(fact);
  }

  #work(from: number, fails: boolean): boolean {
    const { length } = this.#plan.members;
    for (let n = 0; n < length; n += 1) {
      const member = memberId((from + n) % length);
      this.#request(member);
      if (this.#fleet.work(member, { fails: fails || this.#unbootable.has(member) })) return true;
    }
    return false;
  }

  /** As its driver does before it touches anything. */
  #request(member: MigrationId): void {
    const due = this.#fleet.stateOf(member).work.find(({ effect }) => effect.type !== 'armTimer');
    if (due?.standing === 'due' && migrationModel.kindOf(due.effect).type === 'sideEffect')
      this.#fleet.take(member, migrationModel.notes.requested(due.key, due.effect));
  }

  #changeLink(member: MigrationId): void {
    const cut: MigrationFact = {
      type: 'ReplicationDisconnected',
      data: { endpoint: 'gateway', reason: { type: 'LinkDown', detail: 'the link is down' } },
    };
    if (!this.#reconnect(member) && canTake(this.#fleet.stateOf(member), cut)) this.#fleet.take(member, cut);
  }

  #reconnect(member: MigrationId): boolean {
    if (axesOf(this.#fleet.stateOf(member)).replication !== 'disconnected') return false;
    this.#fleet.take(member, { type: 'ReplicationResumed', data: {} });
    return true;
  }

  /** What is due by then comes true, one after the other, and the planner sees each. */
  #passTime(): void {
    const retry = this.#wave.work.find(({ effect }) => effect.type === 'armRetry')?.effect;
    // A try comes in its time, or the window would be over before the third.
    this.#now = after(this.#now, retry?.type === 'armRetry' ? retry.params.wait : longWhile);
    for (;;) {
      const due = this.#wave.work.find(
        ({ effect }) => effect.type === 'armRetry' || (effect.type === 'armDeadline' && effect.params.at <= this.#now),
      );
      if (!due) return;
      this.#takeWave(waveModel.notes.deadlinePassed(due.effect));
      this.#obey();
      if (due.effect.type === 'armRetry') return;
      this.#now = after(this.#now, longWhile);
    }
  }

  #phase(): WavePhase | undefined {
    const name = waveStateName(this.#wave);
    if (name === 'recovering') return 'recover';
    if (name === 'windowOpen.admitting') return 'cutOver';
    return name === 'preparing.admitting' ? 'prepare' : undefined;
  }

  /** Has the planner look until it wants nothing more; one that is content ends the wave. */
  #obey(): void {
    for (let look = 0; look < 100; look += 1) {
      const phase = this.#phase();
      if (phase === undefined) return;
      const { context } = this.#wave.snapshot;
      this.#actor = 'planner';
      const decision = this.#fleet.obey({ phase, plan: this.#plan, approvedBy: context.approvedBy, notes: context });
      this.#actor = 'world';
      this.#mustKeepPlaces(decision);
      for (const fact of decision.facts) this.#takeWave(fact);
      if (decision.commands.length + decision.facts.length > 0) continue;
      if (decision.settled) this.#complete();
      return;
    }
    throw new Error(`the planner never has enough\n${this.story.join('\n')}`);
  }

  #complete(): void {
    const planner = wavePlanner(this.#plan);
    for (const [migration, state] of this.#fleet.members) planner.update(migration, state);
    planner.decide('cutOver', null, this.#wave.snapshot.context);
    const whyLeft = planner.reasons();
    const members = this.#plan.members.map(({ migration }) => {
      const why = whyLeft(migration);
      return { migration, lifecycle: axesOf(this.#fleet.stateOf(migration)).lifecycle, ...(why && { why }) };
    });
    this.#takeWave({ type: 'WaveCompleted', data: { members } });
  }

  /** Of what the first that must wait lacks, nobody behind it is given any: or it would wait for ever (L11). */
  #mustKeepPlaces({ commands }: WaveDecision): void {
    const begun = new Set(
      commands.flatMap(({ migration, command }) => (command.type === 'StartProtection' ? [migration] : [])),
    );
    if (begun.size === 0) return;
    const inOrder = this.#plan.members.toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
    const first = inOrder.findIndex(
      ({ migration }) => axesOf(this.#fleet.stateOf(migration)).lifecycle === 'ready' && !begun.has(migration),
    );
    if (first < 0) return;
    const behind = inOrder.slice(first).filter(({ migration }) => begun.has(migration));
    for (const [name, need] of Object.entries(inOrder[first]?.resources?.replicating ?? {})) {
      const taken = (member: WaveMember): number => this.#takes(member, name);
      const before = this.#plan.members.filter((member) => !behind.includes(member)).reduce((n, m) => n + taken(m), 0);
      if (before + need > (this.#plan.limits.tokens?.[name] ?? 0) && behind.some((member) => taken(member) > 0))
        throw new Error(`L11 somebody was given ${name} before one that waits for it\n${this.story.join('\n')}`);
    }
  }

  #takes({ migration, resources }: WaveMember, name: string): number {
    const axes = axesOf(this.#fleet.stateOf(migration));
    const replicating = resources?.replicating?.[name] ?? 0;
    if (isCuttingOver(axes)) return Math.max(replicating, resources?.cuttingOver?.[name] ?? 0);
    return isReplicating(axes) || axes.replication === 'disconnected' ? replicating : 0;
  }
}

/** Walks a wave through what is drawn and on to its end. Throws the story of what breaks a law, or never ends. */
export function soundWave(wave: ConductedWave, draws: readonly WaveDraw[]): void {
  const walked = new WalkedWave(wave);
  for (const draw of draws) {
    if (walked.isOver) return;
    walked.happen(draw);
  }
  walked.finish();
}
