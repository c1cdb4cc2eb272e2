import type { Law } from './law.ts';

// In the middle of something: neither finished, nor back in replication, nor waiting for a person. A test is none of it: it
// is made on a clone, while the source runs and replicates, and whoever judges it has no window.
const midway =
  /^(cuttingOver\.(approved|quiescing|finalSync|fencing|fixingUp|launching|connecting|validating)|rollingBack)$/;

/** L10: when a window is over, nobody is left half-way. */
export const windowEndsClean: Law = {
  id: 'L10',
  slug: 'window-ends-clean',
  statement: 'When a window ends, every VM in it is either finished or back in replication with its source running.',
  incident: 'VMs were still shut down and half converted in the morning after their window',
  facts: ['WaveCompleted'],
  begin: () => ({
    of:
      () =>
      ({ fact }) => {
        if (fact.type !== 'WaveCompleted') return undefined;
        const left = fact.data.members.find(({ lifecycle }) => midway.test(lifecycle));
        return left && `the wave was completed, and ${left.migration} is in ${left.lifecycle}`;
      },
  }),
};
