import type { Law } from '#core/laws/law';
import type { LawTools } from '#scenarios/check/property-module';
import type { Instant } from '#core/units';

const hour = 3_600_000;

/**
 * Nobody is down for longer than an hour: from when a source is quiesced until its target is validated, or the source is
 * given back. A promise that somebody made to their users, and wants to see kept whatever goes wrong.
 */
export const downtimePromise = ({ migrationLaw, breaks }: LawTools): Law => {
  const over = (since: Instant | null, _: unknown, { at }: { readonly at: Instant }) =>
    since !== null && at - since > hour
      ? breaks(null, `it was down for ${Math.ceil((at - since) / 60_000)} minutes`)
      : null;
  return migrationLaw<Instant | null>({
    id: 'L101',
    slug: 'downtime-promise',
    statement: 'Nobody is down for longer than an hour.',
    incident: 'users were promised an hour, and a cutover that was tried three times took four',
    start: null,
    on: {
      // Whoever is asked to stop again is down since the first time.
      SourceQuiesced: (since, _, { at }) => since ?? at,
      TargetValidated: over,
      RolledBack: over,
    },
    whenOver: (since) => (since === null ? undefined : 'it is still down'),
  });
};
