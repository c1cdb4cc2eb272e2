import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { axesOf } from './abilities.ts';
import { evolve, initialMigration } from './evolve.ts';

describe('evolve', () => {
  it('refuses a fact that cannot follow', () => {
    expect(() =>
      evolve(initialMigration(), { type: 'CutoverStarted', data: {} }, { stream: 'migration-a', time: instant(0) }),
    ).toThrow('CutoverStarted cannot follow');
  });
  it('starts undrafted', () =>
    expect(axesOf(initialMigration())).toEqual({ lifecycle: 'undrafted', replication: 'idle', outcome: 'certain' }));
});
