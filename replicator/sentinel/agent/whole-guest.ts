import { err, ok } from '#core/result';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import type { Quiescer } from '#replicator/sentinel/quiesce/quiescer';
import { forgetPlace, savePlace } from '#replicator/sentinel/stage/saved-place';
import { finalizeStage, validationAccount } from '#replicator/sentinel/stage/stage-two';
import type { Entrance } from './enter-stage.ts';
import type { GuestServices } from './guest-services.ts';

type WholeGuest = Pick<GuestServices, 'stage' | 'quiesce' | 'resume' | 'powerOff' | 'report' | 'account' | 'finalize'>;

/** What that takes. */
export interface WholeGuestParts {
  readonly system: GuestControl;
  readonly rest: Quiescer;
  readonly entrance: Entrance;
  /** Makes a password that nobody guesses. */
  readonly newPassword: () => string;
}

/** What is done to the guest as a whole, and not to a disk of it: rest, power, and what ends stage two. */
export async function wholeGuest({ system, rest, entrance, newPassword }: WholeGuestParts): Promise<WholeGuest> {
  // Also a sentinel that was started again in a guest at rest knows where it stands.
  const isResting = entrance.stage === 'source' && (await rest.rested()) !== undefined;
  let stage: GuestServices['stage'] = isResting ? 'quiesced' : entrance.stage;
  // A source that was started again after a rollback has its note still.
  if (stage === 'source') await forgetPlace(system);
  return {
    get stage() {
      return stage;
    },
    quiesce: async (policy) => {
      // While there is a disk to note it on. One that takes no note is no reason to stay up: nothing is compared then.
      if (stage === 'source') await savePlace(system);
      const report = await rest.quiesce(policy);
      if (report.ok) stage = 'quiesced';
      else await forgetPlace(system);
      return report;
    },
    resume: async () => {
      const resumed = await rest.resume();
      if (resumed.ok) stage = entrance.stage;
      if (stage === 'source') await forgetPlace(system);
      return resumed.ok ? ok(undefined) : resumed;
    },
    powerOff: () => rest.powerOff(),
    report: entrance.stage === 'source' ? undefined : entrance.report,
    account: async () => {
      const given = await validationAccount(system, newPassword);
      return given.ok ? given : err({ type: 'Refused', operation: 'account', detail: given.error });
    },
    finalize: async () => {
      const done = await finalizeStage(system);
      return done.ok ? done : err({ type: 'Refused', operation: 'finalize', detail: done.error });
    },
  };
}
