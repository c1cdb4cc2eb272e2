import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  durationText,
  momentText,
  positiveDurationText,
  rateText,
  shareText,
  sizeText,
  speedText,
} from './quantity.ts';

const valueOf = (schema: z.ZodType, text: unknown): unknown => schema.safeParse(text).data;
const errorOf = (schema: z.ZodType, text: unknown): string | undefined =>
  schema.safeParse(text).error?.issues[0]?.message;

describe('a size', () => {
  it.each([
    ['2 GiB', 2 * 2 ** 30],
    ['2GiB', 2 * 2 ** 30],
    ['1.5 KiB', 1536],
    ['500 MB', 500_000_000],
    ['7 B', 7],
  ])('reads %s', (text, value) => expect(valueOf(sizeText, text)).toBe(value));

  it.each([['2'], ['GiB'], ['-2 GiB'], ['2 gib'], ['2 GiB more'], [2], [null]])(
    'refuses %s and says what is allowed',
    (text) => expect(errorOf(sizeText, text)).toContain('must be a size such as "2 GiB" or "500 MB" (units: B, kB,'),
  );

  it('refuses what no disk could hold', () => expect(errorOf(sizeText, '99999999 TiB')).toContain('is out of range'));
});

describe('a duration', () => {
  it.each([
    ['30 s', 30_000],
    ['1 h 30 min', 5_400_000],
    ['250ms', 250],
    ['0 s', 0],
    ['1.5 d', 129_600_000],
  ])('reads %s', (text, value) => expect(valueOf(durationText, text)).toBe(value));

  it.each([['30'], ['30 sec'], ['1 h30'], ['1 h, 2 min']])('refuses %s', (text) =>
    expect(errorOf(durationText, text)).toContain('(units: ms, s, min, h, d)'),
  );

  it('may have to be above zero', () => {
    expect(errorOf(positiveDurationText, '0 s')).toContain('a duration above zero');
    expect(valueOf(positiveDurationText, '1 ms')).toBe(1);
  });
});

describe('a rate', () => {
  it.each([
    ['1 Gbit/s', 125_000_000],
    ['500Mbit', 62_500_000],
    ['20 MiB/s', 20 * 2 ** 20],
    ['76.5 MB/s', 76_500_000],
  ])('reads %s', (text, value) => expect(valueOf(rateText, text)).toBe(value));

  it('refuses bytes without a time', () => expect(errorOf(rateText, '20 MiB')).toContain('must be a rate'));
});

describe('a share', () => {
  it('is a fraction, not a float', () =>
    expect(valueOf(shareText, '0.1 %')).toEqual({ numerator: 1_000, denominator: 1_000_000 }));
  it('refuses more than everything', () => expect(errorOf(shareText, '101 %')).toContain('is out of range'));
});

describe('a speed', () => {
  it('reads 60x', () => expect(valueOf(speedText, '60x')).toBe(60));
  it('refuses to stand still', () => expect(errorOf(speedText, '0x')).toContain('is out of range'));
});

describe('a moment', () => {
  it.each(['1970-01-01T00:00Z', '2000-02-29T23:59:59Z', '2026-03-06T18:00:00Z', '2100-03-01T00:00:00Z'])(
    'counts %s as the calendar does',
    (text) => expect(valueOf(momentText, text)).toBe(Date.parse(text)),
  );
  it.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00+01:00',
  ])('refuses %s', (text) => expect(errorOf(momentText, text)).toBeDefined());
});
