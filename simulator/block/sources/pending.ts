import type { Clock } from '#core/clock';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import { millis } from '#core/units';
import type { WorkQueue } from '#simulator/endpoints/pending-work';
import { refused, unreachable, type Outcome } from './connector.ts';

// Often enough to add little to what a job takes, seldom enough to cost nothing.
const askEvery = millis(500);

/** Work of a vendor, asked for and waited for. */
export interface Pending<Fault> {
  /** One request whose answer is there at once. */
  ask<T>(operation: string, act: () => Result<T, Fault>): Outcome<T>;
  /** Begins work and returns once it is done. If an answer is lost on the way, so is what became of it. */
  perform(operation: string, begin: () => Result<string, Fault>): Outcome<void>;
  /** Returns once nothing is under way: what an earlier process began would change what is seen. */
  settle(operation: string): Outcome<void>;
}

/** Waits for the work of a queue through requests. */
export function pendingWork<Fault>(
  request: <T>(operation: string, act: () => Result<T, HypervisorError>) => Outcome<T>,
  clock: Clock,
  queue: WorkQueue<Fault>,
  sentence: (fault: Fault) => string,
): Pending<Fault> {
  const ask: Pending<Fault>['ask'] = (operation, act) =>
    request(operation, () => {
      const answer = act();
      return answer.ok ? answer : refused(operation, sentence(answer.error));
    });
  return {
    ask,
    async perform(operation, begin) {
      const begun = await ask(operation, begin);
      if (!begun.ok) return begun;
      for (;;) {
        await clock.wait(askEvery);
        const work = await ask(operation, () => ok(queue.look(begun.value)));
        if (!work.ok) return work;
        if (work.value === undefined) return unreachable(operation, `nobody knows ${begun.value} any more`);
        if (work.value.state === 'failed') return refused(operation, sentence(work.value.fault));
        if (work.value.state === 'succeeded') return ok(undefined);
      }
    },
    async settle(operation) {
      for (;;) {
        const running = await ask(operation, () => ok(queue.running().length));
        if (!running.ok) return running;
        if (running.value === 0) return ok(undefined);
        await clock.wait(askEvery);
      }
    },
  };
}
