import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import ts from 'typescript';
import { canary } from '#test/mutants/controls';
import type { Mutant } from '#test/mutants/mutant';
import { marked } from './reach-marks.ts';

const source = `
export function f(x: number): string {
  const half = x > 10 ? x / 2 : x / 3;
  if (x > 5) return 'large';
  if (x > 3 && x < 5) {
    const g = (y: number) => y + 1;
    return x === 4 ? String(g(x)) : 'never';
  }
  return half > 0 ? 'small' : 'nothing';
}
`;
const mutant = (id: string, find: string, replace: string): Mutant => ({ ...canary, id, find, replace });
const mutants = [
  mutant('half', 'x / 2', 'x / 4'),
  mutant('large', "return 'large'", "return 'huge'"),
  mutant('condition', 'if (x > 3 && x < 5)', 'if (x >= 3 && x < 5)'),
  mutant('right side', 'x < 5', 'x < 6'),
  mutant('arrow', 'y + 1', 'y + 2'),
  mutant('branch', "'never'", "'ever'"),
  mutant('removed', "  return half > 0 ? 'small' : 'nothing';\n", ''),
];

/** Which marks a call passes, and what it gives back. */
function passed(x: number): { readonly result: string; readonly ids: readonly string[] } {
  const ids: string[] = [];
  const { outputText } = ts.transpileModule(marked('f.ts', source, mutants), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports: { f?: (x: number) => string } = {};
  const place = { exports, sealiftMutantReached: (id: string) => ids.push(id) };
  runInNewContext(outputText, { ...place, globalThis: place });
  return { result: exports.f?.(x) ?? '', ids: ids.toSorted() };
}

describe('marks', () => {
  it('are passed when the line of their mutant is executed, and change nothing else', () => {
    expect(passed(20)).toEqual({ result: 'large', ids: ['half', 'large'] });
    expect(passed(4)).toEqual({ result: '5', ids: ['arrow', 'condition', 'right side'] });
    expect(passed(1)).toEqual({ result: 'small', ids: ['condition', 'removed'] });
  });

  it('are refused where their mutant does not apply', () =>
    expect(() => marked('f.ts', source, [mutant('gone', 'not there', '')])).toThrow(/gone does not apply/));
});
