import { inOneLine } from '#scenarios/estate-text';
import type { ImportProblem } from '#scenarios/import/inventory';

// Whoever has more mistakes than this corrects one of them many times.
const errorsMax = 50;
const namesMax = 3;

/**
 * What there is to say about an inventory, for a person: each error with its place, and the same thing about many VMs
 * on one line.
 */
export function problemLines(problems: readonly ImportProblem[]): readonly string[] {
  const errors = inOrder(problems.filter(({ severity }) => severity === 'error'));
  const others = new Map<string, ImportProblem[]>();
  for (const problem of problems) {
    if (problem.severity === 'error') continue;
    const key = `${problem.severity} ${problem.message}`;
    others.set(key, [...(others.get(key) ?? []), problem]);
  }
  return [
    ...errors.slice(0, errorsMax).map((problem) => `${placeOf(problem)} ${problem.message}`),
    ...(errors.length > errorsMax ? [`and ${errors.length - errorsMax} more errors; --json lists them all`] : []),
    ...[...others.values()].map(groupLine),
  ].map(inOneLine);
}

/** The same for a program, a document each. */
export const problemJson = (problem: ImportProblem): string => JSON.stringify(problem);

function inOrder(problems: readonly ImportProblem[]): readonly ImportProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return problems.toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0));
}

const nameOf = ({ vm, now }: ImportProblem): readonly string[] =>
  vm === undefined ? [] : [now === undefined ? vm : `${vm} as ${now}`];

const placeOf = ({ file, line, vm }: ImportProblem): string =>
  `${file}${line === undefined ? '' : `:${line}`}:${vm === undefined ? '' : ` ${vm}`}`;

function groupLine(group: readonly ImportProblem[]): string {
  const [first] = group;
  if (!first) return '';
  const word = first.severity === 'skipped' ? 'left out' : 'note';
  const names = [...new Set(group.flatMap(nameOf))];
  if (names.length === 0) return `${word}: ${placeOf(first)} ${first.message}`;
  if (names.length === 1) return `${word}: ${placeOf({ ...first, vm: names[0] })} ${first.message}`;
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : '';
  return `${word}: ${names.length} VMs (${names.slice(0, namesMax).join(', ')}${more}): each ${first.message}`;
}
