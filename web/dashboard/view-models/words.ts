/** States of the charts in the words of people. Every leaf of both axes has one; a test compares with the chart. */
export const lifecycleWords: Readonly<Record<string, string>> = {
  undrafted: 'Unknown',
  draft: 'Draft',
  verifying: 'Verifying',
  blocked: 'Blocked',
  ready: 'Ready',
  protected: 'Protected',
  'testing.catchingUp': 'Catching up for the test',
  'testing.launching': 'Launching test',
  'testing.running': 'Test running',
  'testing.cleaningUp': 'Removing test',
  'cuttingOver.approved': 'Waiting to cut over',
  'cuttingOver.quiescing': 'Quiescing',
  'cuttingOver.finalSync': 'Final sync',
  'cuttingOver.fencing': 'Fencing',
  'cuttingOver.fixingUp': 'Fixing up',
  'cuttingOver.launching': 'Launching',
  'cuttingOver.connecting': 'Connecting',
  'cuttingOver.validating': 'Validating',
  'cuttingOver.undecided': 'Undecided',
  cutOver: 'Cut over',
  'finalizing.retiring': 'Retiring source',
  'finalizing.waiting': 'Retiring source, waiting',
  finalized: 'Finalized',
  rollingBack: 'Rolling back',
  rolledBack: 'Rolled back',
  'cancelling.releasing': 'Cancelling',
  'cancelling.waiting': 'Cancelling, waiting',
  cancelled: 'Cancelled',
  failed: 'Failed',
};

/** The same for the axis that machines move. */
export const replicationWords: Readonly<Record<string, string>> = {
  idle: 'Idle',
  initiating: 'Initiating',
  fullSync: 'Full sync',
  deltaSync: 'Delta sync',
  'parked.resting': 'Parked',
  'parked.refreshing': 'Refreshing',
  rescan: 'Rescan',
  paused: 'Paused',
  'stalled.retrying': 'Stalled, retrying',
  'stalled.blocked': 'Stalled',
  disconnected: 'Disconnected',
  held: 'Held',
  stopped: 'Stopped',
};

/** The states of a wave. */
export const waveWords: Readonly<Record<string, string>> = {
  undrafted: 'Unknown',
  draft: 'Draft',
  'preparing.admitting': 'Preparing',
  'preparing.paused': 'Preparing, paused',
  'windowOpen.admitting': 'Window open',
  'windowOpen.paused': 'Window open, paused',
  recovering: 'Recovering',
  completed: 'Completed',
  cancelled: 'Cancelled',
};

/** The words for a state, or its own name where a newer chart has one that is not known here. */
export const wordsFor = (words: Readonly<Record<string, string>>, state: string): string => words[state] ?? state;

/** Source platforms as their makers write them. */
export const platformWords: Readonly<Record<string, string>> = { kvm: 'KVM', hyperv: 'Hyper-V', ahv: 'AHV' };
