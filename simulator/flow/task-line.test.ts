import { describe, expect, it } from 'vitest';
import { taskLine } from './task-line.ts';

describe('a line before the desks of a platform', () => {
  const entered = (desks: number, names: string) => {
    const begun: string[] = [];
    const line = taskLine(desks);
    const leave = names.split('').map((name) => line.enter(() => begun.push(name)));
    return { begun, line, leave };
  };

  it('serves so many at a time, and the others as they came', () => {
    const { begun, leave } = entered(2, 'abcd');
    expect(begun.join('')).toBe('ab');
    leave[1]?.();
    expect(begun.join('')).toBe('abc');
    leave[0]?.();
    leave[2]?.();
    expect(begun.join('')).toBe('abcd');
  });

  it('closes up when somebody in it gives up, and is left once only', () => {
    const { begun, leave, line } = entered(1, 'abc');
    leave[1]?.();
    leave[1]?.();
    leave[0]?.();
    leave[0]?.();
    expect(begun.join('')).toBe('ac');
    line.enter(() => begun.push('d'));
    expect(begun.join('')).toBe('ac');
    leave[2]?.();
    expect(begun.join('')).toBe('acd');
  });
});
