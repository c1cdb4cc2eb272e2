import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { smallMigration } from '#test/support/small-migration';

describe('a guest that crashes while it is being stopped', () => {
  it('is not taken as it is where nobody says to force it', async () => {
    const small = smallMigration({ quiesce: { timeout: seconds(300), onRefusal: 'rollBack' } });
    let hasCrashed = false;
    const life = small.live({
      onStep: (_at, _die, name) => {
        // Between the look and the stop.
        if (name === 'pause asked' && !hasCrashed) {
          hasCrashed = true;
          small.source.power = 'crashed';
        }
      },
    });
    expect((await life).ending).toBe('failed');
    const facts = await small.facts();
    expect(facts.find(({ type }) => type === 'QuiesceRefused')?.data).toMatchObject({
      reason: { type: 'GuestCrashed' },
    });
    expect(facts.map(({ type }) => type)).not.toContain('SourceQuiesced');
  });
});
