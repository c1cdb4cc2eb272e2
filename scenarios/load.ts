import { parseDocument } from 'yaml';
import { err, ok, type Result } from '#core/result';
import { estateFileKind, type EstateFile } from './estate-file.ts';
import { mergeEstate } from './estate-merge.ts';
import { referenceProblems } from './rehearsal-scenario.ts';
import { scenarioJsonSchema, scenarioSchema, type Scenario } from './scenario.ts';
import { describeProblems, firstProblems, readYaml, type FileProblem, type YamlFile } from './yaml-file.ts';

/** A file that is no scenario, with all its mistakes at once, in the order in which they stand in it. */
export interface ScenarioError {
  readonly type: 'InvalidScenario';
  readonly file: string;
  /** Those of the estate file that it names come after its own. */
  readonly problems: readonly FileProblem[];
}

/** The estate file that a scenario names, as whoever loads the scenario has read it, or why it could not be read. */
export type EstateText = { readonly file: string } & ({ readonly text: string } | { readonly unreadable: string });

// A scenario is written by a person; a megabyte of one is a mistake of some other kind.
const scenarioKind = { schema: scenarioSchema, jsonSchema: scenarioJsonSchema, textMax: 1_000_000 };

/**
 * The estate file that a scenario names, if it names one. Its path counts from the scenario's own folder: read it, and
 * give its text to `loadScenario`.
 */
export function estateFileNamed(text: string): string | undefined {
  if (text.length > scenarioKind.textMax) return undefined;
  const document = parseDocument(text, { prettyErrors: false });
  const named = document.errors.length > 0 ? undefined : document.getIn(['estate', 'file']);
  return typeof named === 'string' && named !== '' ? named : undefined;
}

/**
 * Reads a scenario from its text and, where it names an estate file, from the text of that. `file` is for messages only:
 * nothing is opened here.
 */
export function loadScenario(text: string, file: string, estateText?: EstateText): Result<Scenario, ScenarioError> {
  const scenario = readYaml(text, file, scenarioKind);
  const listed =
    estateText && 'text' in estateText ? readYaml(estateText.text, estateText.file, estateFileKind) : undefined;
  const problems = [...(scenario.ok ? [] : scenario.error), ...(listed && !listed.ok ? listed.error : [])];
  const refuse = (found: readonly FileProblem[]): Result<never, ScenarioError> =>
    err({ type: 'InvalidScenario', file, problems: firstProblems(found) });
  if (!scenario.ok) return refuse(problems);
  const { value, problem } = scenario.value;
  if (value.kind !== 'rehearsal') return ok(value);
  if (value.estate.file !== undefined && !listed) {
    const why = estateText && 'unreadable' in estateText ? estateText.unreadable : 'its text was not handed in';
    return refuse([problem(['estate', 'file'], `must be the path of an estate file that can be read (${why})`)]);
  }
  if (problems.length > 0) return refuse(problems);
  return merged(scenario.value, listed?.ok ? listed.value : undefined, refuse);
}

function merged(
  { value, says, problem }: YamlFile<Scenario>,
  listed: YamlFile<EstateFile> | undefined,
  refuse: (problems: readonly FileProblem[]) => Result<never, ScenarioError>,
): Result<Scenario, ScenarioError> {
  if (value.kind !== 'rehearsal') return ok(value);
  const whole = { ...value, estate: mergeEstate(value.estate, listed?.value, { links: says(['estate', 'links']) }) };
  const found = referenceProblems(value, whole.estate, listed?.value);
  const problems = [
    ...found.scenario.map(({ path, message }) => problem(path, message)),
    ...(listed ? found.estate.map(({ path, message }) => listed.problem(path, message)) : []),
  ];
  return problems.length > 0 ? refuse(problems) : ok(whole);
}

/** The error as lines of text, one per mistake: `file:line:column: path: what is wrong`. */
export const describeScenarioError = ({ problems }: ScenarioError): string => describeProblems(problems);
