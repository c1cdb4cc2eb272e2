import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { smallMigration, type LifeOptions, type SmallMigration } from '#test/support/small-migration';

/** Crashes the guest between the look and the stop, the n-th time that it is to be stopped. */
function crashAtStop({ source }: SmallMigration, nth: number): Pick<LifeOptions, 'onStep'> {
  let stops = 0;
  return {
    onStep: (_at, _die, name) => {
      if (name !== 'pause asked' || (stops += 1) !== nth) return;
      source.power = 'crashed';
    },
  };
}

describe('a guest that crashes while it is being stopped', () => {
  it('is not taken as it is where nobody says to force it', async () => {
    const small = smallMigration({ quiesce: { timeout: seconds(300), onRefusal: 'rollBack' } });
    expect((await small.live(crashAtStop(small, 1))).ending).toBe('failed');
    const facts = await small.facts();
    expect(facts.find(({ type }) => type === 'QuiesceRefused')?.data).toMatchObject({
      reason: { type: 'GuestCrashed' },
    });
    expect(facts.map(({ type }) => type)).not.toContain('SourceQuiesced');
  });

  it('is taken as it is by force, and is not said to have been paused, nor how it was found', async () => {
    const small = smallMigration({ quiesce: { timeout: seconds(300), onRefusal: 'force' } });
    // Refused, it is forced the second time.
    small.source.breakNext('pause', { type: 'Refused', operation: 'pause', detail: 'not now' });
    await small.live(crashAtStop(small, 2));
    const facts = await small.facts();
    expect(facts.find(({ type }) => type === 'SourceQuiesced')?.data).toEqual({
      ...{ method: 'crashed as it was paused, taken as it is', found: 'unknown' },
    });
  });
});
