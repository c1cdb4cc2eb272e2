import { breaks, migrationLaw } from './law.ts';

/** L15: what we put at a source is taken off it; what others put there is left. */
export const nothingLeftBehind = migrationLaw({
  id: 'L15',
  slug: 'nothing-left-behind',
  statement: 'Snapshots and checkpoints that we made are gone at the end; foreign ones are never touched.',
  incident: 'snapshots of failed migrations filled a datastore until the VMs on it stopped',
  start: { isBegun: false, isGivenUp: false, isTakenOff: false },
  on: {
    ReplicationInitiated: (state) => ({ ...state, isBegun: true }),
    CancellationRequested: (state) => ({ ...state, isGivenUp: true }),
    FinalizationRequested: (state) => ({ ...state, isGivenUp: true }),
    SourceReleased: (state, _, { stream, witness }) => left({ ...state, isTakenOff: true }, witness?.leftovers(stream)),
    SourceRetired: (state, _, { stream, witness }) => left({ ...state, isTakenOff: true }, witness?.leftovers(stream)),
  },
  whenOver: (state, _, { stream, witness }) => {
    const [touched] = witness?.foreignTouched(stream) ?? [];
    if (touched !== undefined) return `${touched} is not ours and is not as it was`;
    return state.isBegun && state.isGivenUp && !state.isTakenOff
      ? 'the migration was given up, and nothing says that what it left at the source was taken off'
      : undefined;
  },
});

function left<S>(state: S, leftovers: readonly string[] | undefined): ReturnType<typeof breaks<S>> | S {
  const [first] = leftovers ?? [];
  return first === undefined ? state : breaks(state, `${first} is ours and is still at the source`);
}
