import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, millis, type Instant, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { VsphereFault } from './fault.ts';

/**
 * What is known of a task.
 * @source vSphere Web Services API 8.0 U3, TaskInfo and TaskInfoState
 */
export interface TaskInfo {
  readonly key: string;
  /** The method: `PowerOnVM_Task`. */
  readonly descriptionId: string;
  /** The VM it is about, by its name. */
  readonly entityName: string;
  readonly state: 'queued' | 'running' | 'success' | 'error';
  /** Why it failed. */
  readonly error: VsphereFault | undefined;
  readonly queueTime: Instant;
  readonly completeTime: Instant | undefined;
}

/** How long tasks take, from the shortest to the longest. */
export interface TaskDurations {
  readonly queued: readonly [Millis, Millis];
  readonly running: readonly [Millis, Millis];
}

/** Tasks of one vCenter. */
export interface TaskManager {
  /**
   * Begins a task. A VM has one at a time.
   * @source vSphere Web Services API 8.0 U3, TaskInProgress: another task of the entity has not ended.
   */
  begin(
    of: { readonly name: string; readonly entity: string },
    finish: () => VsphereFault | undefined,
  ): Result<string, VsphereFault>;
  find(key: string): TaskInfo | undefined;
  /** The task that a VM has under way. */
  underWay(entity: string): TaskInfo | undefined;
}

interface TaskManagerOptions {
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule'>;
  readonly rng: Rng;
  readonly durations: TaskDurations;
  readonly note?: (label: string, value: string | number | boolean) => void;
}

/** Makes the tasks of one vCenter. What a task does, it does at its end. */
export function taskManager({ clock, rng, durations, note = () => undefined }: TaskManagerOptions): TaskManager {
  const all = new Map<string, TaskInfo>();
  const byEntity = new Map<string, string>();
  const change = (key: string, more: Partial<TaskInfo>): void => {
    const known = all.get(key);
    invariant(known, `there is no task ${key}`);
    all.set(key, { ...known, ...more });
  };
  const underWay = (entity: string): TaskInfo | undefined => all.get(byEntity.get(entity) ?? '');
  return {
    begin: ({ name, entity }, finish) => {
      const other = underWay(entity);
      if (other) return err({ type: 'TaskInProgress', task: other.key });
      const key = `task-${all.size + 1}`;
      const own = rng.fork(key);
      const queued = own.between(...durations.queued);
      const running = own.between(...durations.running);
      note(`${name} of ${entity} takes`, queued + running);
      all.set(key, {
        ...{ key, descriptionId: name, entityName: entity, state: 'queued', error: undefined },
        ...{ queueTime: clock.now(), completeTime: undefined },
      });
      byEntity.set(entity, key);
      clock.schedule(after(clock.now(), millis(queued)), () => change(key, { state: 'running' }));
      clock.schedule(after(clock.now(), millis(queued + running)), () => {
        byEntity.delete(entity);
        const error = finish();
        change(key, { state: error ? 'error' : 'success', error, completeTime: clock.now() });
      });
      return ok(key);
    },
    find: (key) => all.get(key),
    underWay,
  };
}
