import { z } from 'zod';
import { checkScenarioSchema } from './check-scenario.ts';
import { migrationScenarioSchema } from './migration-scenario.ts';
import { rehearsalScenarioSchema } from './rehearsal-scenario.ts';

/** Everything a scenario file may say. `kind` decides what belongs in it. */
export const scenarioSchema = z.discriminatedUnion('kind', [
  rehearsalScenarioSchema,
  migrationScenarioSchema,
  checkScenarioSchema,
]);

/** A scenario as loaded: quantities parsed, defaults filled in. */
export type Scenario = z.output<typeof scenarioSchema>;

/** The JSON Schema for editors: `scenarios/scenario.schema.json` holds it, a test keeps that file current. */
export const scenarioJsonSchema = (): object => ({
  ...z.toJSONSchema(scenarioSchema, { io: 'input', target: 'draft-7' }),
  title: 'Sealift scenario',
});
