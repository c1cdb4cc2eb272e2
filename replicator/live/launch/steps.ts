import type { EffectType } from '#core/migration/effects';
import type { MigrationFact, Reason } from '#core/migration/facts';
import { err, ok, type Result } from '#core/result';
import type { Report } from '#core/driver/world';
import { withoutSecrets } from '#replicator/live/secrets';
import { reasonOf } from '#replicator/live/trouble';

/** Tells what a step consists of while it is done, item by item. */
export interface StepTeller {
  /** Does one item: told when it begins and what came of it. `detail` makes the words of what it answered. */
  item<T>(
    item: string,
    title: string,
    work: () => Promise<Result<T, string>>,
    detail?: (value: T) => string,
  ): Promise<Result<T, Reason>>;
}

/** Tells of the items of one effect. A reason is of the item's name: `Inspect`. */
export function stepTeller(step: EffectType, report: Report<MigrationFact>): StepTeller {
  const attempts = new Map<string, number>();
  return {
    item: async (item, title, work, detail) => {
      const attempt = (attempts.get(item) ?? 0) + 1;
      attempts.set(item, attempt);
      const tell = (state: 'running' | 'done' | 'failed', text: string): void =>
        report({
          type: 'StepReported',
          data: { step, item, title, state, detail: withoutSecrets(text), attempt, nextAttempt: null },
        });
      tell('running', '');
      const came = await work();
      if (!came.ok) {
        tell('failed', came.error);
        return err(reasonOf(`${item.charAt(0).toUpperCase()}${item.slice(1)}Failed`, `${title}: ${came.error}`));
      }
      tell('done', detail?.(came.value) ?? '');
      return ok(came.value);
    },
  };
}
