import type { MigrationId } from '#core/ids';
import { minutes, type Instant } from '#core/units';
import { lastStartOf } from '#core/wave/retry';
import type { Entry, Law } from './law.ts';
import { wavesOf, type WaveMemory } from './wave-memory.ts';

// In the middle of something: neither finished, nor back in replication, nor waiting for a person. A test is none of it: it
// is made on a clone, while the source runs and replicates, and whoever judges it has no window.
const midway =
  /^(cuttingOver\.(approved|quiescing|finalSync|fencing|fixingUp|launching|connecting|validating)|rollingBack)$/;

// What was asked for at the last moment is in the log a little later.
const startSlack = minutes(1);
// Longer than managers that die one after the other leave members to themselves.
const closingSlack = minutes(20);

const afterClosingFacts = ['RoundCompleted', 'CutoverRevoked', 'RolledBack', 'EffectRequested', 'TargetConnected'];

/** L10: when a window is over, nobody is left half-way, and nobody is begun. */
export const windowEndsClean: Law = {
  id: 'L10',
  slug: 'window-ends-clean',
  statement:
    'When a window ends, every VM in it is either finished or back in replication with its source running; nothing is begun that would not end in it.',
  incident: 'VMs were still shut down and half converted in the morning after their window',
  facts: ['LastStartPassed', 'WaveCompleted', 'CutoverStarted', ...afterClosingFacts],
  begin: (_witness, memory) => {
    // By the number of the stream: every round that is completed is asked about.
    const begun: (Begun | undefined)[] = [];
    const lastStarts = new Map<string, LastStart>();
    return {
      of: () => (entry, nth) => {
        const { fact, stream, at, actor } = entry;
        if (fact.type === 'LastStartPassed') lastStarts.set(stream, { passed: fact.data.at, at });
        if (fact.type === 'WaveCompleted') {
          const left = fact.data.members.find(({ lifecycle }) => midway.test(lifecycle));
          return left && `the wave was completed, and ${left.migration} is in ${left.lifecycle}`;
        }
        if (fact.type === 'CutoverStarted') {
          while (begun.length <= nth) begun.push(undefined);
          // Whom a person cuts over has no window.
          begun[nth] = actor === 'planner' ? { waitedLate: false, launchedLate: false } : undefined;
        }
        const cutover = begun[nth];
        const id = cutover && memory.memberOf(stream, nth)?.id;
        if (!cutover || id === undefined) return undefined;
        if (fact.type === 'CutoverStarted' && isTooLate(memory, lastStarts, id, at))
          return 'a cutover was begun after the last moment at which it may be';
        return afterClosing(memory, id, cutover, entry);
      },
    };
  },
};

/** The last moment at which some may start has passed, as the wave's log says, and when it says so. */
interface LastStart {
  readonly passed: Instant;
  readonly at: Instant;
}

function isTooLate(
  { waves }: WaveMemory,
  lastStarts: ReadonlyMap<string, LastStart>,
  id: MigrationId,
  at: Instant,
): boolean {
  for (const [name, wave] of waves) {
    const member = wave.planned.get(id);
    const last = lastStarts.get(name);
    const own = member && lastStartOf(wave.plan, member, false);
    if (wave.isCompleted || !last || own === undefined || own === null || own > last.passed) continue;
    if (at > last.at + startSlack) return true;
  }
  return false;
}

/** A cutover that the planner has begun. */
interface Begun {
  /** It was still waiting for its replica. */
  waitedLate: boolean;
  /** Its target was launched when it was to be taken back. */
  launchedLate: boolean;
}

/** What a cutover may not come to any more when its window has closed for long. */
function afterClosing(memory: WaveMemory, id: MigrationId, cutover: Begun, { fact, at }: Entry): string | undefined {
  const waves = wavesOf(memory, id);
  const isOver = (closed: Instant | null): boolean => closed !== null && at > closed + closingSlack;
  if (waves.length === 0 || !waves.every(({ closedAt }) => isOver(closedAt))) return undefined;
  if (fact.type === 'CutoverStarted') return 'a cutover was begun, and the window had closed';
  const goesBack = waves.every(({ plan }) => plan.onWindowClose === 'rollBack');
  if (fact.type === 'RoundCompleted') cutover.waitedLate = true;
  if (fact.type === 'CutoverRevoked' || fact.type === 'RolledBack') cutover.waitedLate = false;
  if (fact.type === 'EffectRequested' && fact.data.effect === 'quiesceSource' && (goesBack || cutover.waitedLate))
    return 'the source was brought to rest long after the window had closed';
  if (fact.type === 'EffectRequested' && fact.data.effect === 'launchTarget') cutover.launchedLate = goesBack;
  return fact.type === 'TargetConnected' && cutover.launchedLate
    ? 'the target was launched and connected long after the window had closed, and the plan says to go back'
    : undefined;
}
