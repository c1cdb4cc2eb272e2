/** The lines of a unified difference between two texts, without the two that name files. Equal texts have none. */
export function differenceLines(before: string, after: string, around = 3): readonly string[] {
  const steps = stepsBetween(linesOf(before), linesOf(after));
  const changed = steps.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const lines: string[] = [];
  for (let first = 0; first < changed.length;) {
    let last = first;
    // Two changes whose surroundings touch are told as one.
    while ((changed[last + 1] ?? Infinity) - (changed[last] ?? 0) <= 2 * around) last += 1;
    const from = Math.max(0, (changed[first] ?? 0) - around);
    const to = Math.min(steps.length, (changed[last] ?? 0) + around + 1);
    lines.push(...hunk(steps, from, to));
    first = last + 1;
  }
  return lines;
}

interface Step {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

function hunk(steps: readonly Step[], from: number, to: number): readonly string[] {
  const count = (part: readonly Step[], other: '+' | '-'): number => part.filter(({ sign }) => sign !== other).length;
  const part = steps.slice(from, to);
  const before = steps.slice(0, from);
  const range = (other: '+' | '-'): string => {
    const length = count(part, other);
    // An empty range is named by the line before it.
    return `${count(before, other) + (length === 0 ? 0 : 1)},${length}`;
  };
  return [`@@ -${range('+')} +${range('-')} @@`, ...part.map(({ sign, line }) => sign + line)];
}

// Where a text stops without the end of a line, its last line says so, as diff does.
function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  return last === '' ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

/** The longest common subsequence, by table, on what is left between equal beginnings and ends: files here are small. */
function stepsBetween(before: readonly string[], after: readonly string[]): readonly Step[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail += 1;
  const same = (line: string): Step => ({ sign: ' ', line });
  const [old, young] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  return [...before.slice(0, head).map(same), ...middle(old, young), ...before.slice(before.length - tail).map(same)];
}

function middle(old: readonly string[], young: readonly string[]): readonly Step[] {
  const width = young.length + 1;
  const table = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = young.length - 1; j >= 0; j -= 1)
      table[i * width + j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < young.length) {
    const [gone, come] = [old[i], young[j]];
    if (gone !== undefined && gone === come) {
      steps.push({ sign: ' ', line: gone });
      [i, j] = [i + 1, j + 1];
    } else if (gone !== undefined && (come === undefined || at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ sign: '-', line: gone });
      i += 1;
    } else if (come !== undefined) {
      steps.push({ sign: '+', line: come });
      j += 1;
    }
  }
  return steps;
}
