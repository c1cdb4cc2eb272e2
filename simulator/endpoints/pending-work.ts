import type { Rng } from '#core/rng';
import { after, millis, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** Work that was accepted and ends later, as the jobs and tasks of vendors do. */
export type PendingWork<Fault> =
  | { readonly id: string; readonly kind: string; readonly state: 'running' | 'succeeded' }
  | { readonly id: string; readonly kind: string; readonly state: 'failed'; readonly fault: Fault };

/** The work of one VM: what is asked for is accepted now, and done when its time has come. */
export interface WorkQueue<Fault> {
  /** Accepts work, which `finish` does later, or says why it could not. Returns the id of the work. */
  begin(kind: string, finish: () => Fault | undefined): string;
  look(id: string): PendingWork<Fault> | undefined;
  running(): readonly PendingWork<Fault>[];
  /** Whatever runs is given up undone. */
  abandon(fault: Fault): void;
}

/** How long work takes. */
export interface WorkDuration {
  readonly min: Millis;
  readonly max: Millis;
}

/**
 * Makes a queue.
 * @differs Work takes a time by chance, whatever it is about, and is done at one instant at its end.
 */
export function workQueue<Fault>(
  clock: SimulatedClock,
  rng: Rng,
  { min, max }: WorkDuration = { min: millis(200), max: millis(3_000) },
): WorkQueue<Fault> {
  const all = new Map<string, PendingWork<Fault>>();
  const running = (): readonly PendingWork<Fault>[] => [...all.values()].filter(({ state }) => state === 'running');
  return {
    begin(kind, finish) {
      const id = rng.uuid();
      all.set(id, { id, kind, state: 'running' });
      clock.schedule(after(clock.now(), millis(rng.between(min, max))), () => {
        if (all.get(id)?.state !== 'running') return;
        const fault = finish();
        all.set(id, fault === undefined ? { id, kind, state: 'succeeded' } : { id, kind, state: 'failed', fault });
      });
      return id;
    },
    look: (id) => all.get(id),
    running,
    abandon(fault) {
      for (const { id, kind } of running()) all.set(id, { id, kind, state: 'failed', fault });
    },
  };
}
