import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceLines } from './text-difference.ts';

/** Applies a unified difference as patch would, strictly: what is not as the difference says fails. */
function patched(before: string, difference: readonly string[]): string {
  const old = before.split(/(?<=\n)/).filter((line) => line !== '');
  const lines = difference.flatMap((one) => one.split('\n'));
  const made: string[] = [];
  let at = 0;
  for (const [index, line] of lines.entries()) {
    const start = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(line);
    const content = line.slice(1) + (lines[index + 1] === '\\ No newline at end of file' ? '' : '\n');
    if (start !== null) made.push(...old.slice(at, (at = Number(start[1]) - (start[2] === '0' ? 0 : 1))));
    else if (line.startsWith('+')) made.push(content);
    else if (!line.startsWith('\\')) {
      expect(old[at]).toBe(content);
      at += 1;
      if (line.startsWith(' ')) made.push(content);
    }
  }
  return [...made, ...old.slice(at)].join('');
}

describe('differenceLines', () => {
  it('shows what goes, what comes and what is around it', () => {
    const before = '/dev/vda1 / ext4\n/dev/vda2 none swap\n';
    expect(differenceLines(before, before.replace('/dev/vda1', 'UUID=1')).join('\n')).toMatchInlineSnapshot(`
      "@@ -1,2 +1,2 @@
      -/dev/vda1 / ext4
      +UUID=1 / ext4
       /dev/vda2 none swap"
    `);
  });

  it('tells a new file and one that goes', () => {
    expect(differenceLines('', 'a\nb\n')).toEqual(['@@ -0,0 +1,2 @@', '+a', '+b']);
    expect(differenceLines('a\n', '')).toEqual(['@@ -1,1 +0,0 @@', '-a']);
    expect(differenceLines('a\n', 'a\n')).toEqual([]);
  });

  it('tells changes far apart one by one', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `${index}\n`);
    const edited = lines.map((line, index) => (index === 2 || index === 20 ? `new ${line}` : line));
    const told = differenceLines(lines.join(''), edited.join(''));
    expect(told.filter((line) => line.startsWith('@@'))).toEqual(['@@ -1,6 +1,6 @@', '@@ -18,7 +18,7 @@']);
  });

  it('makes the one text of the other, whatever they are', () => {
    const line = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '');
    const text = fc
      .tuple(fc.array(line, { maxLength: 40 }), fc.boolean())
      .map(([lines, ends]) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = differenceLines(before, after);
        if (before === after) expect(lines).toEqual([]);
        else expect(patched(before, lines)).toBe(after);
      }),
      { numRuns: 500 },
    );
  });
});
