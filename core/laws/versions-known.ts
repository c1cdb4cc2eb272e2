import { schemaVersion as supported } from '#core/event-log/upcast';
import type { Law } from './law.ts';

/** L20: what an older release wrote is read, what a newer one wrote is refused by name. */
export const versionsKnown: Law = {
  id: 'L20',
  slug: 'versions-known',
  statement: 'Old logs replay under new code, or are refused with the version named.',
  incident: 'state saved by one version of a library was restored by the next into a state that was none',
  begin: () => ({
    of:
      () =>
      ({ schemaVersion }) =>
        schemaVersion <= supported
          ? undefined
          : `its facts are of schema ${schemaVersion}, and this release knows them up to ${supported}`,
  }),
};
