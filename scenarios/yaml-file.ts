import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import type { z } from 'zod';
import { err, ok, type Result } from '#core/result';
import { keysAllowed } from './allowed-keys.ts';
import { nearestWord } from './nearest-word.ts';

/** One mistake in a file. Lines and columns count from 1. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The keys that lead there: `wave.window.opens`. Empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed there. */
  readonly message: string;
}

/** What a kind of file may say. */
export interface FileKind<S extends z.ZodType> {
  readonly schema: S;
  /** The same for editors: it knows which keys are allowed where. */
  readonly jsonSchema: () => object;
  /** Characters; what is longer is a mistake of some other kind. */
  readonly textMax: number;
}

/** Where something stands in a file: keys and places in lists, from the top. */
export type Path = readonly PropertyKey[];

/** A file whose every value is as its schema wants it. */
export interface YamlFile<T> {
  readonly value: T;
  /** Whether the file itself says something there: what is missing has a default in `value`. */
  readonly says: (path: Path) => boolean;
  /** A mistake at a place of this file, found by whoever knows more than its schema. */
  readonly problem: (path: Path, message: string) => FileProblem;
}

// Whoever has made so many mistakes has made one of them many times.
const problemsMax = 50;

/** Reads a file from its text, with all its mistakes at once. `file` is for messages only: nothing is opened here. */
export function readYaml<S extends z.ZodType>(
  text: string,
  file: string,
  { schema, jsonSchema, textMax }: FileKind<S>,
): Result<YamlFile<z.output<S>>, readonly FileProblem[]> {
  const whole = (message: string): Result<never, readonly FileProblem[]> =>
    err([{ file, line: 1, column: 1, path: '', message }]);
  if (text.length > textMax) return whole(`is longer than ${textMax} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    return err(
      document.errors.map(({ message, pos: [at] }) => {
        const { line, col } = lines.linePos(at);
        return { file, line, column: col, path: '', message: `is not valid YAML: ${message}` };
      }),
    );
  }
  const value = valueOf(document);
  if (!value.ok) return whole(value.error);
  const places: Places = { file, document, lines, jsonSchema };
  const parsed = schema.safeParse(value.value);
  if (!parsed.success) {
    // In a large file each mistake has to be found again among all the rest.
    const issues = parsed.error.issues.slice(0, 10 * problemsMax);
    return err(issues.flatMap((issue) => problemsOf(issue, [], places)));
  }
  return ok({
    value: parsed.data,
    says: (path) => document.hasIn(path as readonly unknown[]),
    problem: (path, message) => problem(path, withFound(message, nodeAt(path, document)), places, 'value'),
  });
}

/** The first mistakes in the order in which they stand, no more than a person wants to see. */
export function firstProblems(problems: readonly FileProblem[]): readonly FileProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return problems
    .toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column)
    .slice(0, problemsMax);
}

/** Lines of text, one per mistake: `file:line:column: path: what is wrong`. */
export const describeProblems = (problems: readonly FileProblem[]): string =>
  problems
    .map(
      ({ file, line, column, path, message }) =>
        `${file}:${line}:${column}: ${path === '' ? 'the file' : path} ${message}`,
    )
    .join('\n');

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
  readonly file: string;
  readonly jsonSchema: () => object;
  readonly document: Document;
  readonly lines: LineCounter;
}

function problemsOf(issue: z.core.$ZodIssue, above: Path, places: Places): readonly FileProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAllowed(places.jsonSchema(), String(places.document.get('kind')), path);
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
  // What has the right word already needs not be told the wrong one.
  if (!isScalar(found) || message.endsWith('?')) return message;
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

function problem(path: Path, message: string, places: Places, at: 'key' | 'value'): FileProblem {
  const start = startOf(path, places.document, at);
  const { line, col } = places.lines.linePos(start);
  return { file: places.file, line: Math.max(1, line), column: Math.max(1, col), path: pathText(path), message };
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
