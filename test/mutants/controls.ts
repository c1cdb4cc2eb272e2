import type { Mutant } from './mutant.ts';

/**
 * Two that test the runner and not the tests. If the canary lives, a report of mutants that were caught is worth
 * nothing; if the change that changes nothing is caught, a report of survivors is.
 */
export const canary: Mutant = {
  id: 'canary',
  file: 'core/migration/decide.ts',
  find: '  return ok(facts);\n}\n\n/** Each command with',
  replace: '  return ok([]);\n}\n\n/** Each command with',
  kind: 'guardRemoved',
  incident: 'L19',
  why: 'No command ever does anything: whoever does not notice this is not looking.',
  tests: ['core/migration/decide.test.ts'],
};

/** Means the same as what it replaces. */
export const nothingChanged: Mutant = {
  id: 'nothing-changed',
  file: 'core/migration/decide.ts',
  find: '  return ok(facts);\n}\n\n/** Each command with',
  replace: '  return ok([...facts]);\n}\n\n/** Each command with',
  kind: 'guardRemoved',
  incident: 'L19',
  why: 'It is no bug: whoever notices it cries wolf.',
  tests: ['core/migration/decide.test.ts'],
  survives: 'A copy of a list holds what the list holds.',
};
