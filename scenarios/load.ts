import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import type { z } from 'zod';
import { err, ok, type Result } from '#core/result';
import { keysAllowed } from './allowed-keys.ts';
import { nearestWord } from './nearest-word.ts';
import { scenarioSchema, type Scenario } from './scenario.ts';

/** One mistake in a scenario file. Lines and columns count from 1. */
export interface ScenarioProblem {
  readonly line: number;
  readonly column: number;
  /** The keys that lead there: `wave.window.opens`. Empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed there. */
  readonly message: string;
}

/** A file that is no scenario, with all its mistakes at once, in the order in which they stand in it. */
export interface ScenarioError {
  readonly type: 'InvalidScenario';
  readonly file: string;
  readonly problems: readonly ScenarioProblem[];
}

// A scenario is written by a person; a megabyte of one is a mistake of some other kind.
const textMax = 1_000_000;
const problemsMax = 50;

/** Reads a scenario from its text. `file` is for messages only: nothing is opened here. */
export function loadScenario(text: string, file: string): Result<Scenario, ScenarioError> {
  const refuse = (problems: readonly ScenarioProblem[]): Result<never, ScenarioError> =>
    err({ type: 'InvalidScenario', file, problems: problems.toSorted(byPlace).slice(0, problemsMax) });
  if (text.length > textMax)
    return refuse([{ line: 1, column: 1, path: '', message: `is longer than ${textMax} characters` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    return refuse(
      document.errors.map(({ message, pos: [at] }) => {
        const { line, col } = lines.linePos(at);
        return { line, column: col, path: '', message: `is not valid YAML: ${message}` };
      }),
    );
  }
  const value = valueOf(document);
  if (!value.ok) return refuse([{ line: 1, column: 1, path: '', message: value.error }]);
  const parsed = scenarioSchema.safeParse(value.value);
  if (parsed.success) return ok(parsed.data);
  const places: Places = { document, lines };
  return refuse(parsed.error.issues.flatMap((issue) => problemsOf(issue, [], places)));
}

/** The error as lines of text, one per mistake: `file:line:column: path: what is wrong`. */
export const describeScenarioError = ({ file, problems }: ScenarioError): string =>
  problems
    .map(
      ({ line, column, path, message }) => `${file}:${line}:${column}: ${path === '' ? 'the file' : path} ${message}`,
    )
    .join('\n');

const byPlace = (a: ScenarioProblem, b: ScenarioProblem): number => a.line - b.line || a.column - b.column;

// Aliases that multiply are refused by the parser only when the document is made into a value.
function valueOf(document: Document): Result<unknown, string> {
  try {
    return ok(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    if (error instanceof ReferenceError) return err('has too many aliases, or one that leads nowhere');
    throw error;
  }
}

interface Places {
  readonly document: Document;
  readonly lines: LineCounter;
}

type Path = readonly PropertyKey[];

function problemsOf(issue: z.core.$ZodIssue, above: Path, places: Places): readonly ScenarioProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAllowed(String(places.document.get('kind')), path);
    return issue.keys.map((key) => problem([...path, key], unknownKey(key, known), places, 'key'));
  }
  // Where one of several forms was meant, the mistakes of the form that came closest are what helps.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const closest = issue.errors.find((issues) => issues.some(({ path: deeper }) => deeper.length > 0));
    if (closest) return closest.flatMap((inner) => problemsOf(inner, path, places));
  }
  return [problem(path, sentence(issue, path, places), places, 'value')];
}

function sentence(issue: z.core.$ZodIssue, path: Path, places: Places): string {
  const found = nodeAt(path, places.document);
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)) {
    const options = issue.options.map(String);
    return withFound(`must be ${listed(options)}`, found, options);
  }
  if (found === undefined && issue.code === 'invalid_type')
    return `${missing(path)}: it ${wanted(issue.message, issue.expected)}`;
  if (issue.code === 'invalid_type') return withFound(wanted(issue.message, issue.expected), found);
  if (issue.code === 'invalid_value') return withFound(issue.message, found, issue.values.map(String));
  return found === undefined ? `${missing(path)}: it ${issue.message}` : withFound(issue.message, found);
}

const missing = (path: Path): string => (path.length === 0 ? 'is empty' : 'is missing');

const containers: Readonly<Record<string, string>> = {
  object: 'must have keys and values below it',
  record: 'must have keys and values below it',
  array: 'must be a list',
  boolean: 'must be true or false',
};
// Scalars carry their own sentence in the schema; maps and lists do not need one each.
const wanted = (message: string, expected: string): string =>
  message.startsWith('Invalid input') ? (containers[expected] ?? `must be a ${expected}`) : message;

function withFound(message: string, found: Node | undefined, known: readonly string[] = []): string {
  if (!isScalar(found)) return message;
  const said = typeof found.value === 'string' ? JSON.stringify(found.value) : String(found.value);
  const meant = typeof found.value === 'string' ? nearestWord(found.value, known) : undefined;
  return `${message}, but is ${said}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearestWord(key, known);
  const allowed = known.length > 0 ? `; allowed are ${known.join(', ')}` : '';
  return `is not known here${meant === undefined ? allowed : `; did you mean ${meant}?`}`;
}

function problem(path: Path, message: string, places: Places, at: 'key' | 'value'): ScenarioProblem {
  const start = startOf(path, places.document, at);
  const { line, col } = places.lines.linePos(start);
  return { line: Math.max(1, line), column: Math.max(1, col), path: pathText(path), message };
}

const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text === '' ? '' : '.'}${String(step)}`),
    '',
  );

const nodeAt = (path: Path, document: Document): Node | undefined => {
  const found = document.getIn(path as readonly unknown[], true);
  return isNode(found) ? found : undefined;
};

/** Where the thing stands in the text; for something that is missing, what it is missing from. */
function startOf(path: Path, document: Document, at: 'key' | 'value'): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const pair = pairAt(path.slice(0, depth), document);
    const keyStart = pair && isNode(pair.key) ? pair.key.range?.[0] : undefined;
    const found = nodeAt(path.slice(0, depth), document);
    const valueStart = found?.range?.[0];
    const start = at === 'key' || depth < path.length ? (keyStart ?? valueStart) : (valueStart ?? keyStart);
    if (start !== undefined) return start;
  }
  return document.contents?.range?.[0] ?? 0;
}

function pairAt(path: Path, document: Document): Pair | undefined {
  const above = path.length === 1 ? document.contents : nodeAt(path.slice(0, -1), document);
  if (!isMap(above)) return undefined;
  return above.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === path.at(-1));
}
