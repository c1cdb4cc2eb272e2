import type { RecordedFact } from '#core/event-log/event-log';
import type { Law } from '#core/laws/law';
import type { Breach } from '#core/laws/judge';
import { formatBytes, formatDuration, formatPlural } from '#core/text/format';
import { plainLine } from '#core/text/plain-text';
import { describeRecorded } from '#core/text/timeline';
import { after, elapsed, instant, KiB, type Instant, type Millis } from '#core/units';
import { blockFaultOf } from '#simulator/block/fault-kinds';
import type { BlockFault, BlockOutcome, BlockSpec, BlockVm } from '#simulator/block/spec';
import type { Failure } from './failure.ts';

/*
 * How a world failed, for a person who has never seen it: what there is, what struck when, what came of it, and what must
 * not have happened. Told of a world that has been shrunk, it is a page; of a large one, only those concerned are told.
 */

/** What is told. */
export interface StoryInput {
  readonly spec: BlockSpec;
  readonly outcome: BlockOutcome;
  readonly failure: Failure;
  /** The laws that it was judged by. */
  readonly laws: readonly Law[];
  /** How to see it again: the version of the code and what to type. */
  readonly again: { readonly commit: string; readonly command: string };
}

// What is not shown is said to be left out; a story longer than a screen or three is read by nobody.
const linesMax = 60;

/** The story, a line each. */
export function storyOf({ spec, outcome, failure, laws, again }: StoryInput): readonly string[] {
  const began = outcome.facts[0]?.metadata.time ?? instant(0);
  return [
    `${headOf(failure)}, seed ${spec.seed}`,
    '',
    ...worldLines(spec),
    '',
    'What happened:',
    ...happenings(spec, outcome, failure, began),
    '',
    ...verdictLines(outcome, failure, laws, began),
    '',
    `See it again with ${again.commit}: ${again.command}`,
  ];
}

function headOf(failure: Failure): string {
  switch (failure.type) {
    case 'broken':
      return `${failure.law} ${failure.slug} is broken`;
    case 'notLive':
      return 'Not everyone came to an end';
    case 'crashed':
      return 'The program found itself to be wrong';
  }
}

/** What there is, and when its window is. */
function worldLines({ vms, wave, healAt, liveWithin }: BlockSpec): readonly string[] {
  const { windowStart, windowEnd, cutoversMax, syncsMax, downtimeBudget, finalize } = wave;
  return [
    `A wave of ${formatPlural(vms.length, 'VM')}:`,
    ...vms.map((vm) => `  ${vm.name}: ${vmText(vm)}`),
    `Its window is open from ${whenText(windowStart)} to ${whenText(windowEnd)}; at most ${syncsMax} replicate and ${cutoversMax} cut over at a time, with at most ${formatDuration(downtimeBudget)} for a final sync.`,
    `${finalize ? 'The way back is given up afterwards. ' : ''}From ${whenText(healAt)} on nothing goes wrong any more, and all have ${formatDuration(liveWithin)} to come to an end.`,
  ];
}

const platforms: Readonly<Record<BlockVm['hypervisor'], string>> = { kvm: 'KVM', hyperv: 'Hyper-V', ahv: 'AHV' };
const guests: Readonly<Record<BlockVm['guest'], string>> = {
  debian: 'a Debian guest',
  windows: 'a Windows guest',
  unbootable: 'a guest that cannot boot on the target',
};

function vmText({
  hypervisor,
  guest,
  via,
  disks,
  writesPerMinute,
  application,
  handOver,
  testLaunch,
}: BlockVm): string {
  const untracked = disks.filter(({ tracking }) => !tracking).map(({ id }) => id);
  return [
    `${guests[guest]} on ${platforms[hypervisor]}`,
    `${disks.map(({ id, grains }) => `${id} of ${formatBytes(grains * 64 * KiB)}`).join(', ')}`,
    `read by ${via === 'sentinel' ? 'its sentinel' : 'its hypervisor'}`,
    ...(untracked.length > 0 ? [`without change tracking on ${untracked.join(', ')}`] : []),
    writesPerMinute === 0 ? 'writes nothing' : `${formatPlural(writesPerMinute, 'write')} a minute`,
    ...(application === null ? [] : [`a part of ${application}`]),
    ...(testLaunch ? ['started as a test before'] : []),
    ...(handOver === 'replica' ? ['handed over as disks, not started'] : []),
  ].join(', ');
}

const whenText = (at: Millis): string => (at === 0 ? 'the start' : `+${formatDuration(at)}`);

interface Happening {
  readonly at: Instant;
  readonly text: string;
}

/** Faults and facts in the order in which they came, each with its time. */
function happenings(spec: BlockSpec, outcome: BlockOutcome, failure: Failure, began: Instant): readonly string[] {
  const concerned = streamsConcerned(outcome, failure);
  const last = lastOf(outcome, failure);
  const struck = spec.faults.flatMap((fault) => {
    const at = struckAt(fault, outcome.facts, began);
    return at === undefined ? [] : [{ at, text: `! ${faultText(fault)}` }];
  });
  const told = outcome.facts.flatMap((fact): readonly Happening[] => {
    const { severity, title, detail } = describeRecorded(fact);
    if (severity === 'note' || (concerned.size > 0 && !concerned.has(fact.stream))) return [];
    const subject = fact.stream.slice(fact.stream.indexOf('-') + 1);
    return [{ at: fact.metadata.time, text: plainLine(`  ${subject}: ${title}${detail === '' ? '' : `: ${detail}`}`) }];
  });
  const all = [...struck, ...told].filter(({ at }) => at <= last).toSorted((a, b) => a.at - b.at);
  const kept = all.slice(-linesMax);
  const missing = spec.faults.length - struck.length;
  return [
    ...(kept.length < all.length ? [`  (${formatPlural(all.length - kept.length, 'line')} before that left out)`] : []),
    ...kept.map(({ at, text }) => `  +${formatDuration(elapsed(began, at))}`.padEnd(14) + text),
    ...(missing > 0 ? [`  (${formatPlural(missing, 'fault')} did not strike: what they wait for did not happen)`] : []),
  ];
}

const streamsConcerned = ({ breaches, stuck }: BlockOutcome, failure: Failure): ReadonlySet<string> => {
  switch (failure.type) {
    case 'broken':
      return new Set(ofLaw(breaches, failure).map(({ stream }) => stream));
    case 'notLive':
      return new Set(stuck.map(({ vm }) => `migration-${vm}`));
    // Nobody knows yet whom it concerns.
    case 'crashed':
      return new Set();
  }
};

const ofLaw = (breaches: readonly Breach[], { law }: { readonly law: string }): readonly Breach[] =>
  breaches.filter((breach) => breach.law === law);

/** What comes after the breach is another story. */
function lastOf({ breaches, facts }: BlockOutcome, failure: Failure): Instant {
  const end = facts.at(-1)?.metadata.time ?? instant(0);
  if (failure.type !== 'broken') return end;
  const [first] = ofLaw(breaches, failure);
  return first?.fact ? first.at : end;
}

/** When a fault struck; undefined if what it waits for did not happen. */
function struckAt({ at }: BlockFault, facts: readonly RecordedFact[], began: Instant): Instant | undefined {
  if (at.type === 'time') return after(began, at.ms);
  const awaited = facts.filter(({ stream, type }) => stream === `migration-${at.vm}` && type === at.fact);
  return awaited[at.nth - 1]?.metadata.time;
}

const ordinals = ['first', 'second', 'third'];

function faultText({ kind, vm, at, lasts }: BlockFault): string {
  const whom = vm === null ? '' : ` of ${vm}`;
  const long = lasts === 0 ? '' : ` for ${formatDuration(lasts)}`;
  const nth = at.type === 'fact' ? (ordinals[at.nth - 1] ?? `${at.nth}th`) : '';
  const with_ = at.type === 'fact' ? `, with the ${nth} ${at.fact} of ${at.vm}` : '';
  return `${kind}${whom}${long}${with_}: ${blockFaultOf(kind).what}`;
}

function verdictLines(
  { breaches, stuck, crash }: BlockOutcome,
  failure: Failure,
  laws: readonly Law[],
  began: Instant,
): readonly string[] {
  switch (failure.type) {
    case 'broken': {
      const law = laws.find(({ id }) => id === failure.law);
      const [first] = ofLaw(breaches, failure);
      const where = first?.fact
        ? `It is broken by fact ${first.fact.revision} of ${first.stream}, ${first.fact.type}, after ${formatDuration(elapsed(began, first.at))}`
        : `It is broken in ${first?.stream ?? 'the log'} by what did not happen until the end`;
      return [
        `The law ${failure.law} ${failure.slug}: ${law?.statement ?? '(a law that is not known here)'}`,
        ...(law ? [`Without it: ${law.incident}.`] : []),
        plainLine(`${where}: ${first?.why ?? ''}`),
      ];
    }
    case 'notLive':
      return ['Still on their way when the time was over:', ...stuck.map(({ vm, where }) => `  ${vm}: ${where}`)];
    case 'crashed':
      return [plainLine(crash ?? failure.shape)];
  }
}
