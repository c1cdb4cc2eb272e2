/** What is known of one kind of fault of the block world, without a world. */
interface FaultKind {
  /** What happens, in one sentence whose subject is what it hits. */
  readonly what: string;
  /**
   * The fault budget: once it is over, the design promises that every VM it hit comes to an end (moved, rolled back, or
   * given up by somebody who asked for that) with nobody who knows more than the log. Of the others only safety is demanded.
   */
  readonly promised: boolean;
  /** Whether one VM is hit, or what all of them share. */
  readonly hits: 'vm' | 'world';
  /** Whether it is over at once, or goes on for a while. */
  readonly lasts: 'moment' | 'while';
}

const moment = (hits: FaultKind['hits'], what: string, promised = true): FaultKind => ({
  ...{ what, promised, hits },
  lasts: 'moment',
});
const spell = (hits: FaultKind['hits'], what: string, promised = true): FaultKind => ({
  ...{ what, promised, hits },
  lasts: 'while',
});

/** Every kind of fault that the block world knows. A kind is added here first: whoever draws, plays or tells faults has to follow. */
export const blockFaultKinds = {
  // Processes and machines of ours.
  managerKilled: spell(
    'world',
    'The manager dies at whatever it is about, and is started again from its log when the time is over.',
  ),
  gatewayKilled: spell(
    'world',
    'The gateway dies with all that passes through it, and is started again when the time is over.',
  ),
  receiverKilled: spell(
    'world',
    'The receiver dies; what it wrote is kept by its kernel, and it is started again when the time is over.',
  ),
  receiverPowerLost: spell(
    'world',
    'The machine of the receiver loses power: what was not flushed is kept, lost or torn by chance; it is started again when the time is over.',
  ),
  journalTorn: spell('world', 'The machine of the receiver loses power within a write to a journal, which is torn.'),
  sentinelKilled: spell('vm', 'The sentinel in the guest dies, and is started again when the time is over.'),
  // What connects them.
  linkCut: spell('world', 'Every connection between the sites is reset, and none can be made until the time is over.'),
  linkSlow: spell('world', 'The link between the sites carries a small part of what it did.'),
  linkSilent: spell('world', 'Nothing passes between the sites, and nobody is told.'),
  // Calls to the management of source and target.
  answerLost: moment('vm', 'The next call to a hypervisor or the target is carried out and its answer is lost.'),
  callLost: moment(
    'vm',
    'The next call to a hypervisor or the target is lost on its way: it was never made, and there is no answer.',
  ),
  answerLate: moment(
    'vm',
    'The answer to the next call to a hypervisor or the target comes after its caller has given up.',
  ),
  callRefused: moment('vm', 'The next call to a hypervisor or the target is refused, and nothing is changed.'),
  powerOffRefused: spell('vm', 'The hypervisor refuses to stop the source.'),
  // The source.
  hypervisorKilled: spell(
    'vm',
    'The process that runs the source dies with its guest, its unflushed writes and all it tracked in memory; it is started again when the time is over.',
  ),
  hostDown: spell('vm', 'The host of the source fails with everything on it, and comes back when the time is over.'),
  vmMoved: moment('vm', 'The source moves to another host while it runs.'),
  haRestarted: moment('vm', 'The cluster of the source takes it for lost, and starts it on another host.'),
  trackingLost: moment('vm', 'What tracked the writes of the source is gone, and nobody is told.'),
  diskAdded: moment('vm', 'Somebody adds a disk to the source.', false),
  diskGrown: moment('vm', 'Somebody makes a disk of the source larger.', false),
  diskReadFailed: spell('vm', 'A part of a disk of the source cannot be read.'),
  guestRebooted: moment('vm', 'The guest of the source boots anew.'),
  quiesceRefused: spell('vm', 'The guest of the source refuses to come to rest.'),
  clockJumped: moment('vm', 'The clock of the guest jumps.'),
  // The target.
  datastoreFull: spell('world', 'The datastore of the target takes nothing more.'),
  replicaWriteFailed: spell('world', 'The storage of the receiver fails writes with an error.'),
  replicaSyncFailed: moment(
    'world',
    'The storage of the receiver fails one flush, and forgets what it was to make durable.',
    false,
  ),
  fixUpFailed: moment('vm', 'The next fix-up of the replica fails halfway.'),
  bootFailed: moment('vm', 'The target does not boot at the next try.'),
  // People.
  operatorCancelled: moment('vm', 'Somebody cancels the migration.'),
  operatorPaused: spell('vm', 'Somebody pauses replication, and resumes it when the time is over.'),
  operatorLate: spell('vm', 'Whoever approves the cutover comes late.'),
  commandRepeated: moment('vm', 'The next command is sent a second time.'),
} as const satisfies Readonly<Record<string, FaultKind>>;

/** The name of a kind of fault. */
export type BlockFaultKind = keyof typeof blockFaultKinds;

/** Every name, in the order of the table. */
export const blockFaultNames = Object.keys(blockFaultKinds) as readonly BlockFaultKind[];

/** What is known of a kind. */
export const blockFaultOf = (kind: BlockFaultKind): FaultKind => blockFaultKinds[kind];
