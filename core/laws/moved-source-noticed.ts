import { breaks, migrationLaw } from './law.ts';

/** L14: a source that goes elsewhere and leaves its tracker behind is not cut over by what the tracker says. */
export const movedSourceNoticed = migrationLaw({
  id: 'L14',
  slug: 'moved-source-noticed',
  statement: 'A source that moves host or storage under us stays correct or is flagged.',
  incident: 'a VM that was moved between two rounds of a warm migration was finished from changes of its old disk',
  start: { noticedAt: -1 },
  on: {
    TrackingLost: (_, __, { at }) => ({ noticedAt: at }),
    RescanRequested: (_, __, { at }) => ({ noticedAt: at }),
    FinalSyncFailed: (state, { data }, { at }) => (data.trackingLost ? { noticedAt: at } : state),
    FinalSyncCompleted: (state, _, { stream, witness }) => {
      const lostAt = witness?.trackingLostAt(stream);
      return lostAt !== undefined && lostAt > state.noticedAt
        ? breaks(state, 'what tracked the source was lost, nobody noticed, and it was cut over')
        : state;
    },
  },
});
