import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getSimplePaths } from 'xstate/graph';
import type { AnyStateNode } from 'xstate';
import { instant } from '#core/units';
import { factTypes, sampleFacts, samplePlan } from '#test/support/migration-facts';
import { axesOf, isPastPointOfNoReturn, sourceIsDown, stateName, targetMayHaveWrites } from './abilities.ts';
import { chart, initialContext } from './chart.ts';
import { effectKinds } from './effects.ts';
import { canTake, evolve, initialMigration, type MigrationState } from './evolve.ts';
import type { MigrationFact, MigrationFactType } from './facts.ts';
import { lifecycle } from './lifecycle.ts';
import { migrationMachine } from './machine.ts';
import { replication } from './replication.ts';

const place = { stream: 'migration-x', time: instant(0) };
const leaves = (node: AnyStateNode): readonly string[] =>
  Object.values(node.states).flatMap((child) =>
    Object.keys(child.states).length > 0 ? leaves(child) : [child.path.slice(1).join('.')],
  );
const leavesOf = (axis: string): readonly string[] => {
  const node = migrationMachine.root.states[axis];
  return node ? leaves(node) : [];
};

/** What may be known to the chart when it stands at a configuration, as far as its guards ask for it there. */
const serialize = ({ snapshot }: MigrationState): string => {
  const { plan, round, interrupted, quiesceForced, trackingLost, unsettled } = snapshot.context;
  const policies = plan && [plan.handOver, plan.onValidationFailure, plan.quiesce.onRefusal];
  const isInterrupted = ['paused', 'stalled', 'disconnected'].some((name) =>
    axesOf({ snapshot, count: 0, cutovers: 0, work: [] }).replication.startsWith(name),
  );
  return JSON.stringify([
    snapshot.value,
    policies,
    round > 0,
    isInterrupted && interrupted,
    snapshot.matches({ lifecycle: 'cuttingOver' }) && quiesceForced,
    snapshot.matches({ lifecycle: 'rollingBack' }) && trackingLost,
    unsettled?.key,
  ]);
};

/** Every configuration of the whole chart that facts can lead to, each once, with a shortest way there. */
function reachable(): ReadonlyMap<string, MigrationState> {
  const found = new Map<string, MigrationState>();
  const queue: MigrationState[] = [initialMigration()];
  for (let state = queue.shift(); state; state = queue.shift()) {
    const name = serialize(state);
    if (found.has(name)) continue;
    found.set(name, state);
    for (const fact of sampleFacts(state.snapshot.context))
      if (canTake(state, fact)) queue.push(evolve(state, fact, place));
  }
  return found;
}

/** What no walk may do, whatever the turns it takes. */
function walkLaws(walked: readonly string[], end: { readonly value: unknown }): void {
  const before = (first: string, then: string): void => {
    const at = walked.indexOf(then);
    if (at >= 0) expect(walked.slice(0, at), `${first} before ${then} in ${walked.join(' ')}`).toContain(first);
  };
  before('VerificationPassed', 'ProtectionStarted');
  before('CutoverStarted', 'SourceQuiesced');
  before('SourceQuiesced', 'FinalSyncCompleted');
  before('FinalSyncCompleted', 'SourceFenced');
  before('SourceFenced', 'TargetLaunched');
  before('TargetLaunched', 'TargetConnected');
  before('SourceFenced', 'TargetValidated');
  before('FinalizationRequested', 'SourceRetired');
  const name = stateName((end.value as { lifecycle: unknown }).lifecycle);
  const accepted = walked.includes('TargetValidated') || walked.includes('ValidationWaived');
  if (/^(cutOver|finaliz)/.test(name)) expect(accepted, walked.join(' ')).toBe(true);
  if (name === 'cancelled' && walked.includes('ProtectionStarted')) expect(walked).toContain('SourceReleased');
  if (name === 'rolledBack') expect(walked.at(-1)).toBe('RolledBack');
}

describe('every simple path of each axis', () => {
  // Simple paths of two parallel axes interleave beyond counting; each axis is walked alone, with what it asks of the
  // other answered yes, and the configurations of the whole are walked below.
  const yes = { guards: { isParked: () => true } };
  const both = {
    guards: {
      ...yes.guards,
      mayProtect: () => true,
      mayStartCutover: () => true,
      mayCancel: () => true,
      mayFinalize: () => true,
      isRollingBack: () => true,
      sourceIsTaken: () => false,
    },
  };
  const walk = (machine: Parameters<typeof getSimplePaths>[0], plan = samplePlan()) =>
    getSimplePaths(machine, {
      events: (state) =>
        sampleFacts((state as MigrationState['snapshot']).context).map((fact) =>
          fact.type === 'MigrationDrafted' ? { ...fact, data: { plan } } : fact,
        ),
      serializeState: (state) => JSON.stringify((state as MigrationState['snapshot']).value),
      serializeEvent: (event) => JSON.stringify(event),
    });

  it.each([
    ['launch', 'ask', 'force'],
    ['launch', 'rollBack', 'rollBack'],
    ['replica', 'ask', 'force'],
    ['replica', 'rollBack', 'rollBack'],
  ] as const)(
    'lifecycle, %s, on failure %s, on refusal %s: ends where the last fact says',
    (handOver, onValidationFailure, onRefusal) => {
      const plan = samplePlan({
        handOver,
        onValidationFailure,
        quiesce: { timeout: samplePlan().quiesce.timeout, onRefusal },
      });
      const machine = chart.createMachine({
        id: 'migration',
        context: initialContext,
        initial: 'lifecycle',
        states: { lifecycle },
      });
      const paths = walk(machine.provide(yes), plan);
      expect(paths.length).toBeGreaterThan(100);
      for (const path of paths)
        walkLaws(
          path.steps.map(({ event }) => event.type),
          path.state,
        );
    },
  );

  it('replication: every state is on a simple path', () => {
    const machine = chart.createMachine({
      id: 'migration',
      context: { ...initialContext(), plan: samplePlan() },
      initial: 'replication',
      states: { replication },
    });
    const paths = walk(machine.provide(both));
    const seen = new Set(paths.map(({ state }) => JSON.stringify((state as { value: unknown }).value)));
    expect(paths.length).toBeGreaterThan(100);
    // Held is entered when the other axis takes the source: the configurations below have it.
    expect(seen.size).toBe(leavesOf('replication').length - 1);
  });
});

describe('every configuration of the whole chart', () => {
  const states = reachable();

  it('is reachable on both axes: no state is there for nothing', () => {
    const axes = [...states.values()].map(axesOf);
    expect(new Set(axes.map((axis) => axis.lifecycle))).toEqual(new Set(leavesOf('lifecycle')));
    expect(new Set(axes.map((axis) => axis.replication))).toEqual(new Set(leavesOf('replication')));
    expect(new Set(axes.map((axis) => axis.outcome))).toEqual(new Set(leavesOf('outcome')));
  });

  it('has work for every effect and a use for every fact', () => {
    const effects = new Set<string>();
    const facts = new Set<MigrationFactType>();
    for (const state of states.values()) {
      for (const { effect } of state.work) effects.add(effect.type);
      for (const fact of sampleFacts(state.snapshot.context)) if (canTake(state, fact)) facts.add(fact.type);
    }
    expect([...effects].sort()).toEqual(Object.keys(effectKinds).sort());
    expect([...facts].sort()).toEqual([...factTypes].sort());
  });

  it('takes a fact that moves both axes on both or on neither', () => {
    const shared = new Set([
      'ProtectionStarted',
      'CancellationRequested',
      'FinalizationRequested',
      'RolledBack',
      'CutoverStarted',
    ]);
    for (const state of states.values()) {
      for (const fact of sampleFacts(state.snapshot.context)) {
        if (!shared.has(fact.type) || !canTake(state, fact)) continue;
        const next = evolve(state, fact, place);
        expect(axesOf(next).lifecycle, `${fact.type} in ${JSON.stringify(axesOf(state))}`).not.toBe(
          axesOf(state).lifecycle,
        );
      }
    }
  });

  it('has something to do, someone to ask, or an end: none just stands there', () => {
    const waitsForDecision = new Set([
      'undrafted',
      'draft',
      'ready',
      'cutOver',
      'blocked',
      'failed',
      'cancelled',
      'finalized',
      'testing.running',
      'cuttingOver.undecided',
    ]);
    for (const state of states.values()) {
      const axes = axesOf(state);
      const waits = waitsForDecision.has(axes.lifecycle) || ['paused', 'stalled.blocked'].includes(axes.replication);
      expect(state.work.length > 0 || waits, JSON.stringify(axes)).toBe(true);
    }
  });

  it('runs at most one round at a time', () => {
    const rounds = new Set(['runFullSync', 'runDeltaSync', 'runRescan', 'runFinalSync', 'initiateReplication']);
    for (const state of states.values())
      expect(
        state.work.filter(({ effect }) => rounds.has(effect.type)).length,
        JSON.stringify(axesOf(state)),
      ).toBeLessThan(2);
  });

  it('never gives work that touches the source before a cutover was started (L2)', () => {
    const touching = [...states.values()].filter(({ work }) =>
      work.some(({ effect }) => effect.type === 'quiesceSource' || effect.type === 'fenceSource'),
    );
    expect(new Set(touching.map((state) => axesOf(state).lifecycle))).toEqual(
      new Set(['cuttingOver.quiescing', 'cuttingOver.fencing']),
    );
  });

  it('derives downtime and the point of no return from the state', () => {
    for (const state of states.values()) {
      const { lifecycle: name } = axesOf(state);
      expect(isPastPointOfNoReturn(state)).toBe(name.startsWith('finaliz'));
      if (name === 'cuttingOver.approved' || name === 'protected') expect(sourceIsDown(state)).toBe(false);
      if (name === 'cuttingOver.finalSync') expect(sourceIsDown(state)).toBe(true);
      if (name === 'cutOver')
        expect(targetMayHaveWrites(state)).toBe(state.snapshot.context.plan?.handOver === 'launch');
    }
  });
});

describe('replay', () => {
  it('folds any history and any of its prefixes to the same state, whatever was folded before (L18)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), fc.nat(), (choices, cut) => {
        let state = initialMigration();
        const history: MigrationFact[] = [];
        for (const choice of choices) {
          const legal = sampleFacts(state.snapshot.context).filter((fact) => canTake(state, fact));
          const fact = legal[choice % Math.max(1, legal.length)];
          if (!fact) break;
          history.push(fact);
          state = evolve(state, fact, place);
        }
        const fold = (facts: readonly MigrationFact[], from = initialMigration()) =>
          facts.reduce((folded, fact) => evolve(folded, structuredClone(fact), place), from);
        const at = cut % (history.length + 1);
        const resumed = fold(history.slice(at), fold(history.slice(0, at)));
        expect(axesOf(resumed)).toEqual(axesOf(state));
        expect(resumed.work).toEqual(state.work);
        expect(resumed.snapshot.context).toEqual(state.snapshot.context);
      }),
      { numRuns: 60 },
    );
  });
});
