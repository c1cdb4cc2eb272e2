import { InvariantError } from '#core/invariant';
import { describeScenarioError, loadScenario } from '#scenarios/load';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';

const text = `kind: rehearsal
id: a
title: t
why: w
estate: { file: e.yaml }
wave: { id: w, window: { opens: 1 h, closes: 2 h } }
`;

/** The smallest scenario that names an estate file, loaded with the text of that file. */
export function scenarioOn(estate: string): RehearsalScenario {
  const loaded = loadScenario(text, 'a.yaml', { file: 'e.yaml', text: estate });
  if (!loaded.ok) throw new InvariantError(describeScenarioError(loaded.error));
  if (loaded.value.kind !== 'rehearsal') throw new InvariantError('not a rehearsal');
  return loaded.value;
}
