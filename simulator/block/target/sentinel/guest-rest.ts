import { err, ok } from '#core/result';
import { millis } from '#core/units';
import type { Quiescer } from '#replicator/sentinel/quiesce/quiescer';
import type { GuestProcess } from './guest-process.ts';

/**
 * Brings a simulated guest to rest and back.
 * @differs Rest and power are asked of the model of the guest, where a real sentinel asks systemd and the kernel; a quiesce that is given up comes to its end first.
 */
export function guestRest(
  { guest, bound }: GuestProcess,
  refuses: () => string | undefined = () => undefined,
): Quiescer {
  // A guest that died meanwhile has nobody in it to hear of it.
  const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
  return {
    quiesce: bound(async ({ timeout, keep }) => {
      const why = refuses();
      if (why !== undefined) return err({ type: 'Refused', operation: 'quiesce', detail: why } as const);
      const rest = await guest.quiesce({ timeout, keep });
      return rest ? ok(rest) : never();
    }),
    resume: bound(async () => {
      const stopped = guest.services().flatMap(({ name, state }) => (state === 'stopped' ? [name] : []));
      const back = await guest.resume();
      return back ? ok({ started: stopped, ended: [] }) : never();
    }),
    powerOff: bound(() => {
      if (guest.isAtRest()) return ok(guest.shutDown());
      return err({ type: 'Refused', operation: 'powerOff', detail: 'the guest is not at rest' } as const);
    }),
    rested: bound(() => (guest.isAtRest() ? guest.quiesce({ timeout: millis(0), keep: [] }) : undefined)),
  };
}
