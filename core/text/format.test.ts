import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatEta,
  formatOffset,
  formatPercent,
  formatPlural,
  formatRate,
  formatTime,
} from './format.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1023, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [1024 ** 2 - 1, '1.00 MiB'],
    [64 * 1024 ** 3, '64.0 GiB'],
    [999 * 1024 ** 2, '999 MiB'],
    [2 ** 53 - 1, '8.00 PiB'],
  ])('%d reads as %s', (n, text) => expect(formatBytes(n)).toBe(text));

  it('never takes more than three digits', () => {
    for (let n = 1; n < 2 ** 53; n = Math.floor(n * 1.37) + 1)
      expect(formatBytes(n).replaceAll(/[^0-9]/g, '').length).toBeLessThanOrEqual(3);
  });

  it('says a rate per second', () => expect(formatRate(118 * 1024 ** 2)).toBe('118 MiB/s'));
});

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [4_200, '4.2 s'],
    [59_949, '59.9 s'],
    [59_960, '1 m 00 s'],
    [65_000, '1 m 05 s'],
    [3_599_700, '1 h 00 m'],
    [7_380_000, '2 h 03 m'],
    [86_399_000, '1 d 00 h'],
    [273_600_000, '3 d 04 h'],
  ])('%d ms reads as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('moments', () => {
  it('lie after the start of the run', () => {
    const start = instant(1_000_000);
    expect(formatOffset(start, instant(1_000_000 + 723_900))).toBe('+00:12:03');
    expect(formatOffset(start, instant(1_000_000 + 2 * 86_400_000 + 4 * 3_600_000))).toBe('+2d 04:00:00');
  });

  it('may lie before it, where a clock stepped back', () =>
    expect(formatOffset(instant(5_000), instant(3_500))).toBe('-00:00:01'));

  it('are written in UTC as the calendar has them', () => {
    for (const text of ['1970-01-01', '2000-02-29', '2024-02-29', '2026-12-31', '2100-03-01'])
      expect(formatTime(instant(Date.parse(`${text}T23:04:05Z`)))).toBe(`${text} 23:04:05Z`);
  });
});

describe('formatPercent', () => {
  it.each([
    [0, '0 %'],
    [0.0001, '0.1 %'],
    [0.42, '42 %'],
    [0.9999, '99.9 %'],
    [1, '100 %'],
  ])('%d reads as %s', (fraction, text) => expect(formatPercent(fraction)).toBe(text));
});

it('says that time left is unknown rather than guessing', () => {
  expect(formatEta(null)).toBe('time left unknown');
  expect(formatEta(250_000)).toBe('about 4 m 10 s left');
  expect(formatEta(200)).toBe('almost done');
});

it('keeps thousands apart', () => {
  expect([0, 999, 1_000, 1_234_567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([formatPlural(1, 'disk'), formatPlural(2, 'disk')]).toEqual(['1 disk', '2 disks']);
});
