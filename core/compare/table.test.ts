import { describe, expect, it } from 'vitest';
import { tableLines } from './table.ts';

const rows = [
  { subject: 'a-machine-with-a-long-name', what: 'full sync', cells: ['1 h 00 m', '+5 %'], note: 'carried 1 GiB' },
  { subject: '', what: 'quiesce', cells: ['3 ms', '+10 %'], note: '' },
];
const table = (width: number) => tableLines({ title: 'Differences', heads: ['first', ''], rows, width });

describe('a table', () => {
  it('leaves out notes first, then gives names a line of their own, and cuts none', () => {
    expect(table(80)[1]).toBe('  a-machine-with-a-long-name  full sync  1 h 00 m   +5 %  carried 1 GiB');
    expect(table(60)[1]).toBe('  a-machine-with-a-long-name  full sync  1 h 00 m   +5 %');
    expect(table(40)).toEqual([
      'Differences       first',
      '  a-machine-with-a-long-name',
      '    full sync  1 h 00 m   +5 %',
      '    quiesce        3 ms  +10 %',
    ]);
  });

  it('keeps to its width wherever its columns allow', () => {
    for (let width = 34; width <= 90; width += 1)
      expect(table(width).filter((line) => line.length > width)).toEqual([]);
  });
});
