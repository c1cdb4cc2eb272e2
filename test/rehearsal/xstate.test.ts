import { expect, it } from 'vitest';
import { initialTransition, transition, type AnyStateMachine } from 'xstate';
import type { RecordedFact } from '#core/event-log/event-log';
import { migrationMachine } from '#core/migration/machine';
import { compileChart } from '#core/statechart/compiled-chart';
import { waveMachine } from '#core/wave/machine';
import { firstWave, rehearsed } from './rehearsed.ts';

// Random walks are in core/statechart; these are the facts of a run as it happens, faults and all.
it('a whole rehearsal is folded by the compiled charts to what XState makes of it, fact by fact', async () => {
  const { facts } = await rehearsed(firstWave());
  const streams = grouped(facts);
  expect(streams.size).toBe(13);
  for (const [stream, own] of streams) {
    const machine: AnyStateMachine = stream.startsWith('wave-') ? waveMachine : migrationMachine;
    const chart = compileChart(machine);
    let [theirs] = initialTransition(machine);
    let ours = chart.initial;
    for (const { type, data } of own) {
      const fact = { type, data };
      const [next, actions] = transition(machine, theirs, fact as never);
      const step = chart.step(ours, fact);
      expect(step?.snapshot.value, `${stream} ${type}`).toEqual(next.value);
      expect(step?.snapshot.context, `${stream} ${type}`).toEqual(next.context);
      expect(step?.effects, `${stream} ${type}`).toEqual(
        actions.map(({ type: name, params }) => ({ type: name, params })),
      );
      if (!step) break;
      theirs = next;
      ours = step.snapshot;
    }
  }
});

function grouped(facts: readonly RecordedFact[]): ReadonlyMap<string, readonly RecordedFact[]> {
  const streams = new Map<string, RecordedFact[]>();
  for (const fact of facts) streams.set(fact.stream, [...(streams.get(fact.stream) ?? []), fact]);
  return streams;
}
