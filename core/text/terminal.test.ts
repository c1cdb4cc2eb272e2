import { describe, expect, it } from 'vitest';
import { progressLine, progressTeller, type Terminal } from './terminal.ts';

const half = { label: 'copied', done: 512 * 2 ** 20, total: 2 ** 30, bytesPerSecond: 100 * 2 ** 20, etaMs: 5_120 };

const recording = (isInteractive: boolean, width = 80) => {
  const said: string[] = [];
  const terminal: Terminal = {
    isInteractive,
    width,
    print: (line) => said.push(`print ${line}`),
    note: (line) => said.push(`note ${line}`),
    live: (line) => said.push(`live ${line ?? ''}`),
  };
  return { said, terminal };
};

describe('a line of progress', () => {
  it('has rate, bytes and time left', () => {
    expect(progressLine(half, 100)).toBe(
      '[##########..........] copied 50 %  512 MiB of 1.00 GiB  100 MiB/s  about 5.1 s left',
    );
  });
  it('leaves out what matters least when it is narrow, and never exceeds its width', () => {
    for (let width = 0; width <= 100; width += 1) expect(progressLine(half, width).length).toBeLessThanOrEqual(width);
    expect(progressLine(half, 24)).toBe('copied 50 %');
  });
  it('is never full before everything is done', () => {
    expect(progressLine({ ...half, done: half.total - 1 }, 100)).toContain('[###################.]');
  });
});

describe('a teller of progress', () => {
  it('redraws one line for a person', () => {
    const { said, terminal } = recording(true);
    const teller = progressTeller(terminal);
    teller.tell(half);
    teller.end();
    expect(said.map((line) => line.split(' ')[0])).toEqual(['live', 'live']);
  });
  it('says a whole line for each tenth without one', () => {
    const { said, terminal } = recording(false);
    const teller = progressTeller(terminal);
    for (let done = 0; done <= 100; done += 1) teller.tell({ ...half, done, total: 100 });
    expect(said).toHaveLength(11);
    expect(said.every((line) => line.startsWith('note '))).toBe(true);
  });
});
