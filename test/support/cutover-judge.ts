import type { LawId } from '#core/laws/law';
import type { MigrationFact, MigrationFactOf } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { PowerState } from '#core/ports/source-hypervisor';
import type { SmallMigration } from './small-migration.ts';

/*
 * Holds what the log of a small migration says against its machines, at the moment it is said. A claim may be mistaken where
 * somebody else changed a machine after whoever makes it had looked, and only there.
 */

/** What somebody who is not the manager did to the machines. */
export type ByHand = 'switched' | 'plugged' | 'wrote' | 'spoiled' | 'spoiledBeforeARescan';

/** Judges one walk. */
export interface CutoverJudge {
  /** What was wrong, with the law that forbids it. */
  readonly wrong: readonly string[];
  /** Whether a cutover has the source: it was brought to rest, and neither given back nor handed over. */
  readonly isTaken: boolean;
  /** Whether it has begun to take the source. */
  readonly hasBegun: boolean;
  /** A replica is not what the rounds made it. */
  readonly isSpoiled: boolean;
  /** Whoever carries it out has come to this point. */
  stepped(name: string): void;
  took(facts: readonly MigrationFact[]): void;
  byHand(what: ByHand): void;
  /** A hypervisor, a sentinel or a platform is going to refuse something. */
  willRefuse(): void;
  /** Somebody who found the source off starts it. */
  startsSource(): void;
  /** A run was interrupted, and has come to its end. */
  wasInterrupted(): void;
}

/** What the judge remembers. Each `since` is begun anew where its name says. */
interface Past {
  /** Somebody changed the source after it was last looked at; after it was last called at all; in this effect; in this cutover. */
  switched: { unseen: boolean; sinceCall: boolean; inEffect: boolean; inCutover: boolean };
  /** Somebody plugged or unplugged the source since the manager did. */
  plugged: boolean;
  /** Somebody wrote to the source at rest: since it was quiesced, and where the fence could not see it any more. */
  wrote: { atRest: boolean; unseen: boolean };
  spoiled: boolean;
  spoiledInRound: boolean;
  late: boolean;
  refused: boolean;
  decided: boolean;
  inFence: boolean;
  fenceAsked: boolean;
  offAccepted: boolean;
  quiesced: MigrationFactOf<'SourceQuiesced'>['data']['found'] | undefined;
  handedOver: boolean;
  /** What the source did when the cutover first asked for it. */
  foundPower: PowerState | undefined;
  copying: string | undefined;
  spoiledInCopy: boolean;
  /** A final sync was to be tried again with the source off, and nobody has switched it since. */
  waitsForOff: boolean;
}

const secret = 'hunter2';
/** What those who refuse quote, and a log may not: it ends up in their errors. */
export const words = {
  refused: `not now; nbd://root:${secret}@10.0.0.1, password=${secret}, token=${secret}`,
  lost: `nbd://root:${secret}@10.0.0.1 broke, secret: ${secret}`,
};

const targetVm = 'web-01';
const looks = new Set(['power state done', 'inspect done']);
const calls = new Set(
  ['disconnect', 'reconnect', 'power off', 'power on', 'changes', 'pause', 'resume', 'agent power off'].map(
    (name) => `${name} done`,
  ),
);

const newPast = (): Past => ({
  switched: { unseen: false, sinceCall: false, inEffect: false, inCutover: false },
  ...{ plugged: false, spoiled: false, spoiledInRound: false, late: false, refused: false, decided: false },
  wrote: { atRest: false, unseen: false },
  ...{ inFence: false, fenceAsked: false, offAccepted: false, handedOver: false, spoiledInCopy: false },
  ...{ quiesced: undefined, foundPower: undefined, copying: undefined, waitsForOff: false },
});

/** A judge of a small migration, whose launch and steps it is told of. */
export function cutoverJudge(small: SmallMigration, plan: Pick<MigrationPlan, 'handOver' | 'quiesce'>): CutoverJudge {
  const wrong: string[] = [];
  const past = newPast();
  const { source, launch } = small;
  const breaks = (law: LawId, why: string): void => void wrong.push(`${law} ${why}`);
  const court: Court = {
    small,
    past,
    launches: plan.handOver === 'launch',
    forces: plan.quiesce.onRefusal === 'force',
    breaks,
  };
  const isTaken = (): boolean => past.quiesced !== undefined && !past.handedOver;
  const connected = (): boolean =>
    [...launch.vms.values()].some(({ power, links }) => power === 'running' && links === 'connected');
  let excused = false;
  const neverBoth = (): void => {
    // At rest inside is running outside: a guest that is only quiesced answers whoever asks it.
    const both = source.power !== 'off' && launch.sourceConnected && connected();
    excused = both && (excused || past.switched.unseen || past.plugged);
    if (both && !excused) breaks('L4', 'source and target run and are both connected');
  };
  launch.onChange = neverBoth;
  launch.onLate = () => (past.late = true);
  launch.onPowerOn = () => {
    if (connected()) breaks('L4', 'the source is powered on beside a target that is connected');
  };
  return {
    wrong,
    get isTaken() {
      return isTaken();
    },
    get hasBegun() {
      return past.foundPower !== undefined;
    },
    get isSpoiled() {
      return past.spoiled;
    },
    stepped: (name) => {
      takeStep(court, name);
      neverBoth();
    },
    took: (facts) => {
      for (const fact of facts) takeFact(court, fact);
    },
    byHand: (what) => changeByHand(court, what),
    willRefuse: () => (past.refused = true),
    startsSource: () => {
      if (isTaken()) breaks('L4', 'somebody starts a source that a cutover has taken');
    },
    wasInterrupted: () => {
      if (isTaken()) breaks('L3', 'whoever was called away left the source down');
    },
  };
}

interface Court {
  readonly small: SmallMigration;
  readonly past: Past;
  readonly launches: boolean;
  readonly forces: boolean;
  readonly breaks: (law: LawId, why: string) => void;
}

function changeByHand({ small: { source }, past }: Court, what: ByHand): void {
  switch (what) {
    case 'switched':
      past.switched = { unseen: true, sinceCall: true, inEffect: true, inCutover: true };
      past.waitsForOff = false;
      break;
    case 'plugged':
      past.plugged = true;
      break;
    case 'wrote':
      // The fence asks once what was written; who is off cannot be asked.
      past.wrote = { atRest: true, unseen: past.wrote.unseen || past.fenceAsked || source.power === 'off' };
      break;
    case 'spoiled':
      past.spoiledInRound = true;
      past.spoiledInCopy = past.spoiled = true;
      break;
    case 'spoiledBeforeARescan':
      past.spoiledInCopy = past.spoiled = true;
  }
}

const contentOf = ({ target }: SmallMigration): string =>
  JSON.stringify([...target.replicas.values()].map(({ blocks }) => blocks));

function takeStep({ small, past, breaks }: Court, name: string): void {
  const { source, launch, clock } = small;
  if (looks.has(name)) past.switched.unseen = false;
  if (looks.has(name) || calls.has(name)) past.switched.sinceCall = false;
  if (name === 'disconnect done' || name === 'reconnect done') past.plugged = false;
  if (name === 'changes done' && past.inFence) past.fenceAsked = true;
  if (name === 'agent power off done')
    past.offAccepted ||= source.power !== 'running' && clock.now() >= launch.awayUntil;
  if (name === 'power off asked' && source.power === 'running' && !small.isEqual() && !past.spoiled) {
    // Who has answered that it goes, and was started again since, cannot be asked before it is up.
    const isUp = clock.now() >= launch.awayUntil;
    if (!(past.offAccepted && !isUp) && !past.switched.unseen)
      breaks('L5', 'a source in service is powered off hard, with writes that no round has');
  }
  if (name === 'copy replica asked') {
    past.copying = contentOf(small);
    past.spoiledInCopy = false;
  }
  if (name === 'copy replica done') {
    if (past.copying !== undefined && past.copying !== contentOf(small) && !past.spoiledInCopy)
      breaks('L5', 'a replica is copied while a round writes to it: the clone is of no moment');
    past.copying = undefined;
  }
}

type Claim<T extends MigrationFact['type']> = (court: Court, fact: MigrationFactOf<T>) => void;

const images = ({ small }: Court, ending: string): boolean =>
  [...small.launch.images.keys()].some((path) => path.endsWith(ending));
const verdictsFail = (found: readonly { readonly verdict: string }[]): boolean =>
  found.some(({ verdict }) => verdict === 'failed');

/** What each fact claims of the machines. */
const claims: { readonly [T in MigrationFact['type']]?: Claim<T> } = {
  SourceQuiesced: ({ small: { source }, past, forces, breaks }, { data: { found } }) => {
    if (past.switched.sinceCall) return;
    if (source.power === 'running') breaks('L5', 'the source is called at rest, and runs');
    if (source.power === 'crashed' && !forces)
      breaks('L12', 'a crashed guest is taken as it is, and nobody said to force it');
    const isTold = found !== 'unknown' && !past.switched.inEffect && !past.decided && past.foundPower !== undefined;
    if (isTold && found !== past.foundPower)
      breaks('L3', `the source was ${past.foundPower}, and is said to have been ${found}`);
  },
  QuiesceRefused: ({ past, small: { source }, breaks }) => {
    if (!past.refused && source.power !== 'crashed' && !past.switched.inCutover)
      breaks('L22', 'to come to rest is called refused, and nobody refused it');
  },
  StepReported: ({ small: { source }, past, launches, breaks }, { data: { step, state } }) => {
    if (!launches || step !== 'runFinalSync' || state !== 'retrying' || past.late) return;
    const isOff = source.power === 'off';
    // It may go off under an attempt; the next one finds it so.
    if (isOff && (past.waitsForOff || !past.switched.inEffect))
      breaks('L3', 'what only a guest could say is waited for, and the guest is off');
    past.waitsForOff = isOff;
  },
  FinalSyncCompleted: ({ small, past, breaks }, { data: { dirty } }) => {
    if (dirty > 0) breaks('L5', 'the final sync is called complete, and left something to send');
    if (!past.wrote.atRest && !past.switched.inCutover && !past.spoiled && !small.isEqual())
      breaks('L5', 'after the final sync the replica is not what the source is');
  },
  SourceFenced: (court) => fenced(court),
  FencingFailed: ({ past, breaks }, { data: { reason } }) => {
    if (reason.type === 'SourceRuns' && !past.switched.inCutover && !past.late)
      breaks('L22', 'the source is said to run again, and nobody started it');
  },
  ReplicaFixedUp: (court, { data: { findings } }) => {
    const { images: all, fails } = court.small.launch;
    if (verdictsFail(findings)) court.breaks('L3', 'a guest that cannot be fixed up is called fixed up');
    if (fails.has('verify')) court.breaks('L3', 'a fix-up is believed of which a driver is missing');
    if ([...all].some(([path, { fixed }]) => path.endsWith('+') && !fixed) || !images(court, '+'))
      court.breaks('L5', 'the replica is called fixed up, and its edits are not on its disks');
  },
  FixUpFailed: (court) => {
    if (images(court, '+')) court.breaks('L8', 'of a fix-up that failed the half is left for the next try');
  },
  TargetLaunched: ({ small: { launch }, past, breaks }, { data: { vm } }) => {
    const found = launch.vms.get(vm);
    if (past.late) return;
    if (!found) breaks('L22', 'the target is called launched, and is not there');
    else if (found.links !== 'disconnected') breaks('L4', `the target is ${found.links} before it is to be connected`);
  },
  TargetConnected: ({ small: { launch, source }, past, breaks }) => {
    if (!past.late && launch.vms.get(targetVm)?.links !== 'connected')
      breaks('L22', 'the target is called connected, and is not');
    if (source.power !== 'off' && !past.switched.inEffect)
      breaks('L4', 'the target is connected although the source runs again');
  },
  TargetValidated: ({ small, past, launches, breaks }, { data: { checks } }) => {
    if (verdictsFail(checks)) breaks('L5', 'a target that failed a check is called validated');
    if (launches) return;
    if (!small.isEqual() && !past.switched.inCutover && !past.wrote.unseen && !past.spoiledInCopy)
      breaks('L5', 'the replica is called equal to its source, and is not');
    if (small.source.power === 'running' && !past.switched.unseen)
      breaks('L4', 'the replica takes over from a source that runs again');
  },
  TestLaunched: ({ small: { launch }, past, breaks }, { data: { vm } }) => {
    const found = launch.vms.get(vm);
    if (found?.links === 'connected') breaks('L4', 'a test talks to the world as the VM that it is a copy of');
    if (!found && !past.late) breaks('L22', 'a test is called launched, and is not there');
    if (launch.fails.has('verify') || launch.fails.has('refuse'))
      breaks('L3', 'a test is called launched whose fix-up failed');
  },
  TestCleanedUp: (court) => {
    const { small, past, breaks } = court;
    if (past.late) return;
    if (small.launch.vms.has(`${targetVm}-test`)) breaks('L15', 'a test is called cleaned up, and its clone is there');
    if (images(court, '~')) breaks('L15', 'a test is called cleaned up, and its disks are there');
  },
  RolledBack: (court, { data: { source } }) => rolledBack(court, source),
  SourceReleased: (court) => nothingOfOurs(court),
  SourceRetired: (court) => {
    const { small, past, launches, breaks } = court;
    const { source, launch } = small;
    const isDown = launches ? source.power === 'off' : source.power !== 'running';
    if (!isDown && !past.switched.inEffect) breaks('L4', 'the way back is given up while the source runs');
    if (!launches) return nothingOfOurs(court);
    if (launch.sourceConnected && !past.plugged) breaks('L4', 'a retired source is still on its networks');
    if (!launch.uninstalled && !launch.fails.has('uninstallAnswer'))
      breaks('L15', 'the sentinel is called taken off the target, and is there');
    if (launch.notes.length === 0) breaks('L15', 'a source is retired, and nothing at it says so');
    if (images(court, '?') || launch.prepared.size > 0)
      breaks('L15', 'what was prepared for a cutover outlives the migration');
  },
};

function nothingOfOurs(court: Court): void {
  const { small, launches, breaks } = court;
  const { source, launch } = small;
  // What is recorded inside a guest is gone once that is off.
  const hasNone = launches && source.power === 'off';
  if (!hasNone && [...source.marks.values()].some(({ owner }) => owner === 'small'))
    breaks('L15', 'change marks of ours are left at the source');
  if (!hasNone && source.exports.size > 0) breaks('L15', 'exports of ours are left at the source');
  if (images(court, '?') || launch.prepared.size > 0)
    breaks('L15', 'what was prepared for a cutover outlives the migration');
}

function fenced({ small, past, launches, breaks }: Court): void {
  const { source, launch } = small;
  if (launches) {
    if (launch.sourceConnected && !past.plugged) breaks('L4', 'the source is called fenced, and is on its networks');
    if (source.power !== 'off' && !past.switched.sinceCall)
      breaks('L4', `the source is called fenced, and is ${source.power}`);
  } else if (source.power === 'running' && !past.switched.unseen) breaks('L4', 'the source is called fenced, and runs');
  if (!past.wrote.unseen && !past.spoiled && !past.switched.inEffect && !small.isEqual())
    breaks('L5', 'the source is called fenced, and has what its replica has not');
}

function rolledBack(court: Court, said: string): void {
  const { small, past, launches, breaks } = court;
  const { source, launch, clock, target } = small;
  if (launch.vms.has(targetVm) && !past.late) breaks('L4', 'the cutover was taken back, and its target is there');
  if (images(court, '+')) breaks('L15', 'the cutover was taken back, and what it had changed is beside the replica');
  if (target.replicas.size < 2) breaks('L8', 'the cutover was taken back, and a replica is gone');
  if (past.switched.sinceCall) return;
  if (said !== source.power) breaks('L3', `the source is said to be ${said} as it was found, and is ${source.power}`);
  const found = past.quiesced === 'unknown' ? undefined : past.foundPower;
  if (
    found !== undefined &&
    found !== 'crashed' &&
    !past.switched.inCutover &&
    !past.decided &&
    !past.late &&
    said !== found
  )
    breaks('L3', `the source was found ${found}, and is given back ${said}`);
  if (!launches || said !== 'running') return;
  if (!launch.sourceConnected && !past.plugged) breaks('L3', 'the source was given back without its networks');
  if (clock.now() < launch.awayUntil) breaks('L3', 'the source was given back before it had come back to service');
}

function takeFact(court: Court, fact: MigrationFact): void {
  if (JSON.stringify(fact).includes(secret)) court.breaks('L24', `a secret is in a ${fact.type}`);
  const claim = claims[fact.type] as Claim<MigrationFact['type']> | undefined;
  claim?.(court, fact as never);
  follow(court, fact);
}

/** What the judge has to remember of a fact. */
function follow({ small: { source }, past }: Court, fact: MigrationFact): void {
  switch (fact.type) {
    case 'CutoverStarted':
      past.quiesced = undefined;
      past.foundPower = undefined;
      past.wrote = { atRest: false, unseen: false };
      past.waitsForOff = false;
      past.switched.inCutover = false;
      past.decided = false;
      past.handedOver = false;
      past.late = false;
      break;
    case 'EffectRequested':
      past.switched.inEffect = false;
      past.late = false;
      past.inFence = fact.data.effect === 'fenceSource';
      if (past.inFence) past.fenceAsked = past.offAccepted = false;
      if (fact.data.effect === 'quiesceSource') past.foundPower ??= source.power;
      break;
    case 'OutcomeDecided':
      past.decided = true;
      break;
    case 'SourceQuiesced':
      past.quiesced ??= fact.data.found;
      break;
    case 'SourceFenced':
    case 'FencingFailed':
      past.inFence = false;
      break;
    case 'RoundCompleted':
      if (fact.data.kind === 'rescan' && !past.spoiledInRound) past.spoiled = false;
      past.spoiledInRound = false;
      break;
    case 'TargetValidated':
    case 'ValidationWaived':
      past.handedOver = true;
      break;
    case 'RolledBack':
    // Cancelled after a rollback that failed: its replica is given up, and whoever wants the source may start it.
    case 'SourceReleased':
      past.quiesced = undefined;
      break;
    default:
  }
}
