import { describe, expect, it } from 'vitest';
import type { FixUpSession } from '#core/ports/fix-up';
import { err, ok } from '#core/result';
import { smallMigration, type SmallMigration } from '#test/support/small-migration';

/** A migration whose fix-up engine differs in one thing from one that works. */
function withEngine(change: (session: FixUpSession) => Partial<FixUpSession>): SmallMigration {
  const small = smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack' });
  const siteOf = small.launch.site;
  small.launch.site = (step) => {
    const site = siteOf(step);
    const open: typeof site.fixUp.open = (disks, options) => {
      const session = site.fixUp.open(disks, options);
      return { ...session, ...change(session) };
    };
    return { ...site, fixUp: { ...site.fixUp, open } };
  };
  return small;
}

describe('a fix-up', () => {
  it('that the plan itself calls impossible is not applied', async () => {
    const finding = { id: 'root', verdict: 'failed', message: 'the root is encrypted', remedy: 'unlock it' } as const;
    let applied = 0;
    const small = withEngine((session) => ({
      plan: async (target) => {
        const planned = await session.plan(target);
        return planned.ok ? ok({ ...planned.value, findings: [finding] }) : planned;
      },
      apply: (plan) => {
        applied += 1;
        return session.apply(plan);
      },
    }));
    expect((await small.live()).ending).toBe('rolledBack');
    const failed = (await small.facts()).find(({ type }) => type === 'FixUpFailed');
    expect(failed?.data).toMatchObject({ reason: { type: 'FixUpRefused', detail: finding.message } });
    expect(applied).toBe(0);
  });

  it('whose engine could not write out what it did at the end has failed', async () => {
    const small = withEngine(() => ({
      close: async () => err({ type: 'ToolFailed', step: 'close', detail: 'no space left' }),
    }));
    expect((await small.live()).ending).toBe('rolledBack');
    const failed = (await small.facts()).find(({ type }) => type === 'FixUpFailed');
    expect(failed?.data).toMatchObject({ reason: { type: 'FixUpNotWritten' } });
  });

  it('that failed leaves nothing of itself beside the replica', async () => {
    const small = smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack' });
    small.launch.fails.add('verify');
    let left: readonly string[] | undefined;
    const onFact = ({ type }: { readonly type: string }): void => {
      if (type === 'FixUpFailed') left ??= [...small.launch.images.keys()];
    };
    await small.live({ onFact });
    expect(left).toEqual([]);
  });
});
