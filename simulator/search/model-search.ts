import type { Entry, Law } from '#core/laws/law';
import { court, type Breach } from '#core/laws/judge';
import { laws } from '#core/laws/laws';
import { hasEnded } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import { decide } from '#core/migration/decide';
import { isSideEffect, type Effect } from '#core/migration/effects';
import { canTake, evolve, initialMigration, type MigrationState, type Work } from '#core/migration/evolve';
import { migrationSchemaVersion, type MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { after, instant, millis, type Instant } from '#core/units';
import { outcomesOf, type WorldMemory } from './outcomes.ts';

/*
 * The first layer of the search: one migration, driven by anything that may happen to it, in any order. There are no bytes
 * and no wires; the chart, its commands and the rules of the driver are the real ones, and the world is honest but for
 * failing in every way it can. What is drawn is a list of numbers, so that what breaks a law shrinks to a short story.
 */

/**
 * One draw: what kind of thing happens next, which of them, and how long after the last. `goes`: what brings it further.
 * `may`: anything that may happen. `odd`: also what is refused, and what gives the migration up.
 */
export interface Draw {
  readonly kind: 'goes' | 'may' | 'odd';
  readonly pick: number;
  readonly waitMs: number;
}

/** What came of a walk. */
export interface Walk {
  readonly entries: readonly Entry<MigrationFact>[];
  readonly state: MigrationState;
  readonly breaches: readonly Breach[];
  /** What is wrong with the chart though nothing has come of it yet. */
  readonly misjudgement: string | undefined;
  /** What happened, a line each, for a person. */
  readonly story: readonly string[];
}

const stream = 'migration-searched' as const;
type Happening =
  | { readonly type: 'command'; readonly command: MigrationCommand }
  | { readonly type: 'facts'; readonly facts: readonly MigrationFact[]; readonly actor: 'world' | 'driver' };

/** Walks from a draft through what is drawn, until nothing may happen any more. Never throws but for a mistake of the model. */
export function walk(plan: MigrationPlan, draws: readonly Draw[], judgedBy: readonly Law[] = laws): Walk {
  const sitting = court(judgedBy);
  const entries: Entry<MigrationFact>[] = [];
  const breaches: Breach[] = [];
  const story: string[] = [];
  let state = initialMigration();
  let now = instant(0);
  let memory: WorldMemory = { found: 'running' };
  let misjudgement: string | undefined;

  const append = (fact: MigrationFact, actor: string): void => {
    state = evolve(state, fact, { stream, time: now });
    const entry = { stream, revision: entries.length, fact, at: now, actor, schemaVersion: migrationSchemaVersion };
    entries.push(entry);
    breaches.push(...sitting.take(entry));
  };
  const happen = (happening: Happening): void => {
    if (happening.type === 'facts') {
      for (const fact of happening.facts) append(fact, happening.actor);
      story.push(`${textAt(now)} ${happening.facts.map(textOf).join(', then ')}`);
      return;
    }
    const decision = decide(happening.command, state);
    const refused = decision.ok ? '' : ` (refused: ${decision.error.type})`;
    story.push(`${textAt(now)} when ${happening.command.type}${refused}`);
    if (decision.ok) for (const fact of decision.value) append(fact, 'operator:search');
  };

  happen({ type: 'command', command: { type: 'DraftMigration', data: { plan } } });
  for (const { kind, pick, waitMs } of draws) {
    now = after(now, millis(waitMs));
    misjudgement ??= misjudged(state, now);
    for (const fired of overdue(state, now)) happen(fired);
    const choices = happenings(kind, state, memory);
    const chosen = choices[pick % choices.length];
    if (!chosen) break;
    happen(chosen);
    memory = remembered(memory, chosen);
  }
  breaches.push(...sitting.end(hasEnded(state)));
  return { entries, state, breaches, story, misjudgement };
}

/** What the chart gets wrong about anything that might come, whether it comes or not. */
function misjudged(state: MigrationState, now: Instant): string | undefined {
  const { context } = state.snapshot;
  for (const { effect, since } of state.work) {
    if ('round' in (effect.params ?? {}) && effect.type !== 'armTimer') {
      const [[report] = []] = outcomesOf(effect, context, { found: 'running' });
      if (!report || !('round' in report.data)) continue;
      const other = { ...report, data: { ...report.data, round: report.data.round + 1 } } as MigrationFact;
      if (canTake(state, other)) return `L17 ${effect.type} would end with the report of another round`;
    }
    // A guest that is waited for is waited for no longer than was said, as long as everything else is certain.
    if (effect.type !== 'armTimer' || effect.params.timer !== 'quiesce' || context.unsettled) continue;
    const passed: MigrationFact = { type: 'DeadlinePassed', data: { timer: 'quiesce' } };
    if (after(since, effect.params.wait) <= now && !canTake(state, passed))
      return 'L12 the time to come to rest is over, and nothing follows from it';
  }
  return undefined;
}

/** A timer fires when it is due, whatever else happens. */
function overdue(state: MigrationState, now: Instant): readonly Happening[] {
  return state.work.flatMap(({ effect, since }) => {
    if (effect.type !== 'armTimer' || after(since, effect.params.wait) > now) return [];
    const passed: MigrationFact = { type: 'DeadlinePassed', data: { timer: effect.params.timer } };
    return canTake(state, passed) ? [{ type: 'facts', facts: [passed], actor: 'driver' } as const] : [];
  });
}

/** All that may happen next. What goes well comes first, so that a story shrinks towards it. */
function happenings(kind: Draw['kind'], state: MigrationState, memory: WorldMemory): readonly Happening[] {
  const answered = state.work.flatMap((work) => answersTo(work, state, memory));
  const asked = (list: readonly MigrationCommand[]): readonly Happening[] =>
    list.map((command) => ({ type: 'command', command }));
  const isLegal = (command: MigrationCommand): boolean => decide(command, state).ok;
  const further = asked(forward(state).filter(isLegal));
  if (kind === 'goes') return [...answered, ...further].slice(0, 1);
  const others = asked(sideways.filter(isLegal));
  return kind === 'may' ? [...answered, ...further, ...others] : asked([...givesUp, ...sideways, ...forward(state)]);
}

function answersTo(work: Work, state: MigrationState, memory: WorldMemory): readonly Happening[] {
  const { effect, key, standing } = work;
  if (effect.type === 'armTimer') return [];
  const { notes } = migrationModel;
  const world = (...facts: readonly MigrationFact[]): Happening => ({ type: 'facts', facts, actor: 'world' });
  const driver = (fact: MigrationFact): Happening => ({ type: 'facts', facts: [fact], actor: 'driver' });
  const outcomes = outcomesOf(effect, state.snapshot.context, memory);
  const possible = (all: readonly Happening[]): readonly Happening[] =>
    all.filter((one) => one.type === 'command' || one.facts.slice(0, 1).every((fact) => canTake(state, fact)));
  switch (standing) {
    case 'due':
      return possible(
        isSideEffect(effect.type) ? [driver(notes.requested(key, effect))] : outcomes.map((facts) => world(...facts)),
      );
    case 'requested':
      return possible([
        ...outcomes.map((facts) => world(...facts)),
        driver(notes.unknown(key, effect, 'its answer was lost')),
      ]);
    case 'unknown':
      return possible([
        world(notes.reconciled(key, 'notDone')),
        ...outcomes.slice(0, 1).map((facts) => world(notes.reconciled(key, 'done'), ...facts)),
        world(notes.undecidable(key, 'the world cannot tell')),
      ]);
    case 'vouched':
      return possible([driver(notes.vouched(effect))]);
    case 'undecidable':
      return [];
  }
}

const because = { reason: 'asked' };
const plain = (
  type: 'VerifySource' | 'StartProtection' | 'StartCutover' | 'LaunchTest' | 'ResumeReplication' | 'Finalize',
) => ({ type, data: {} }) as const;

/** What brings a migration further, the next step first. What has been said is not said again. */
export function forward({ snapshot: { context } }: MigrationState): readonly MigrationCommand[] {
  return [
    { type: 'DecideOutcome', data: { outcome: 'done', by: 'grace' } },
    ...(['StartProtection', 'StartCutover', 'VerifySource', 'ResumeReplication'] as const).map(plain),
    { type: 'JudgeTest', data: { verdict: 'passed', note: '' } },
    ...(context.test === 'none' ? [plain('LaunchTest')] : []),
    ...(context.approvedBy === null ? [{ type: 'ApproveCutover', data: { by: 'grace' } } as const] : []),
    plain('Finalize'),
    { type: 'WaiveValidation', data: { by: 'grace', ...because } },
    { type: 'RollBack', data: { ...because, acceptLossOfTargetWrites: true } },
  ];
}

/** What somebody may ask for at any moment, wise or not. */
export const sideways: readonly MigrationCommand[] = [
  { type: 'PauseReplication', data: because },
  { type: 'RescanDisks', data: because },
  { type: 'RevokeCutover', data: because },
  { type: 'RollBack', data: { ...because, acceptLossOfTargetWrites: true } },
  { type: 'JudgeTest', data: { verdict: 'failed', note: '' } },
  { type: 'ApproveCutover', data: { by: 'ada' } },
  { type: 'DecideOutcome', data: { outcome: 'notDone', by: 'grace' } },
  plain('LaunchTest'),
];

/** What ends a migration, or would lose something if it were not refused. */
const givesUp: readonly MigrationCommand[] = [
  { type: 'CancelMigration', data: because },
  { type: 'RollBack', data: { ...because, acceptLossOfTargetWrites: false } },
];

const remembered = (memory: WorldMemory, happening: Happening): WorldMemory =>
  happening.type === 'facts' && happening.facts.some(({ type }) => type === 'RolledBack')
    ? { found: 'running' }
    : memory;

const textAt = (at: Instant): string => `+${Math.round(at / 1_000)} s`;

function textOf(fact: MigrationFact): string {
  const { data } = fact;
  if ('effect' in data) return `${fact.type} ${(data as { readonly effect: Effect['type'] }).effect}`;
  if ('kind' in data && 'dirty' in data)
    return `${fact.type} ${data.kind}, ${data.dirty === 0 ? 'little' : 'much'} left`;
  if ('trackingLost' in data && data.trackingLost) return `${fact.type}, tracking lost`;
  if ('timer' in data) return `${fact.type} ${data.timer}`;
  return fact.type;
}
