import type { Clock } from '#core/clock';
import { seconds } from '#core/units';
import type { SimulatedProcess } from '#simulator/block/process';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** A process in a guest that runs: it lives while both do, and stands still while the guest does. */
export interface GuestProcess {
  readonly guest: RunningGuest;
  /** Its time is that of the guest. What it waits for never comes once it is dead. */
  readonly clock: Clock;
  isAlive(): boolean;
  /** What `work` does takes place while the process runs, and is heard of while it does; never otherwise. */
  bound<A extends readonly unknown[], T>(work: (...args: A) => T | Promise<T>): (...args: A) => Promise<T>;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
// A guest that stands still may do so for hours, and nobody tells when it goes on.
const standstill = seconds(5);

/** Puts a process into a guest. */
export function guestProcess(guest: RunningGuest, process: SimulatedProcess, clock: SimulatedClock): GuestProcess {
  const isAlive = (): boolean => process.isAlive() && guest.phase() === 'up';
  const running = async (): Promise<void> => {
    while (isAlive() && guest.isFrozen()) await clock.wait(standstill);
    if (!isAlive()) await never();
  };
  return {
    ...{ guest, isAlive },
    clock: {
      now: () => guest.time(),
      wait: async (duration, signal) => {
        if (!isAlive()) return never();
        await clock.wait(duration, signal);
        return running();
      },
      alarm: (duration, act) => {
        const ring = (): void => {
          if (!isAlive()) return;
          if (guest.isFrozen()) callOff = clock.alarm(standstill, ring);
          else act();
        };
        let callOff = clock.alarm(duration, ring);
        return () => callOff();
      },
    },
    bound:
      (work) =>
      async (...args) => {
        await running();
        const done = await work(...args);
        return isAlive() ? done : never();
      },
  };
}
