import { expect, it } from 'vitest';
import { instant } from '#core/units';
import { trackingLosses } from './tracking-losses.ts';

const none: ReadonlyMap<string, number> = new Map();
const mark = (number: number, owner = 'm1'): ReadonlyMap<string, number> => new Map([[owner, number]]);

it('forgets what was lost before anything was read, once another mark was begun', () => {
  const losses = trackingLosses();
  losses.struck(mark(0), none, instant(1));
  expect(losses.lastOf('m1', none)).toBe(1);
  expect(losses.lastOf('m1', mark(0))).toBeUndefined();
});

it('forgets it also if nobody asked before the next one was lost', () => {
  const losses = trackingLosses();
  losses.struck(mark(0), none, instant(1));
  losses.struck(mark(0), none, instant(2));
  expect(losses.lastOf('m1', none)).toBe(2);
  losses.opened('m1', mark(0));
  expect(losses.lastOf('m1', mark(0))).toBeUndefined();
});

it('keeps what was read under, and what was read without', () => {
  const read = trackingLosses();
  read.opened('m1', mark(0));
  read.struck(mark(0), none, instant(1));
  expect(read.lastOf('m1', mark(0))).toBe(1);
  const without = trackingLosses();
  without.struck(mark(0), none, instant(1));
  without.opened('m1', none);
  expect(without.lastOf('m1', mark(0))).toBe(1);
});

it('takes what is left of a loss for no new beginning, and what is lost of that for the same loss', () => {
  const losses = trackingLosses();
  losses.opened('m1', mark(1));
  losses.struck(mark(1), mark(0), instant(1));
  expect(losses.lastOf('m1', mark(0))).toBe(1);
  losses.struck(mark(0), none, instant(2));
  expect(losses.lastOf('m1', mark(2))).toBe(2);
});

it('counts what was read after a loss to that loss, and not to the mark that was begun anew', () => {
  const losses = trackingLosses();
  losses.opened('m1', mark(0));
  losses.struck(mark(0), none, instant(1));
  losses.opened('m1', none);
  losses.struck(mark(3), none, instant(2));
  expect(losses.lastOf('m1', mark(3))).toBe(1);
});

it('takes a mark that did not seem to record while a disk was opened for one that was read under', () => {
  const losses = trackingLosses();
  losses.opened('m1', none);
  losses.struck(mark(0), none, instant(1));
  expect(losses.lastOf('m1', mark(0))).toBe(1);
});

it('tells owners apart', () => {
  const losses = trackingLosses();
  losses.opened('other', new Map([...mark(0), ...mark(0, 'other')]));
  losses.struck(new Map([...mark(0), ...mark(0, 'other')]), none, instant(1));
  expect(losses.lastOf('m1', mark(0))).toBeUndefined();
  expect(losses.lastOf('other', mark(0, 'other'))).toBe(1);
});
