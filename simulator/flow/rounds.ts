import type { EffectParams } from '#core/migration/effects';
import type { DiskReport, MigrationFact, RoundReport } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import {
  after,
  bytes,
  bytesPerSecond,
  elapsed,
  GiB,
  millis,
  type Bytes,
  type Instant,
  type Millis,
  type Round,
} from '#core/units';
import type { EstateVm } from '#simulator/estate/estate';
import type { LetGo } from '#core/driver/stepped-world';
import { errand, type Errand } from '#simulator/kernel/errand';
import type { Scheduled } from '#simulator/kernel/event-queue';
import { hexText } from '#simulator/kernel/hex-text';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { Machine, RoundState } from './machine.ts';
import type { Way } from './network.ts';
import { drawn } from './operations.ts';
import type { Transfers } from './transfers.ts';

/** What a round is run with. */
export interface RoundSurroundings {
  readonly clock: SimulatedClock;
  readonly transfers: Transfers;
  readonly machine: Machine;
  readonly way: Way;
  readonly rng: Rng;
  /** How often its progress becomes a fact; the longer it runs, the rarer. */
  readonly progressEvery: Millis;
  readonly report: (fact: MigrationFact) => void;
}

/** How a round ended: with its report, given up, or at a place that went down. */
export type RoundEnding =
  | { readonly type: 'completed'; readonly report: RoundReport }
  | { readonly type: 'givenUp' }
  | { readonly type: 'broken'; readonly place: string };

/**
 * Runs one round, or goes on with one that was interrupted. What differs is fixed when the round begins; what the guest
 * writes from then on is the next round's.
 *
 * @differs Allocated bytes do not grow while the guest runs, and a full sync carries them in no particular order.
 */
export function runRound(
  kind: RoundState['kind'],
  { round }: EffectParams<'runFullSync'>,
  around: RoundSurroundings,
  ended: (ending: RoundEnding) => void,
): LetGo {
  const { clock, transfers, machine, way, rng, progressEvery, report } = around;
  const began = clock.now();
  const state = continued(machine, kind, round) ?? begin(machine, kind, round, began);
  const run = errand(clock, () => ended({ type: 'givenUp' }));
  const end = (ending: RoundEnding): void => {
    run.end();
    ended(ending);
  };
  const down = transfers.downOn(way.path);
  if (down === undefined)
    // Member by member: what a spread adds to makes an object unlike all others, and each look at it is slow.
    openRound({ clock, transfers, machine, way, rng, progressEvery, report, kind, state, began, run, end });
  else run.wait(drawn(rng, machine.assumptions.rounds.connectTimeout), () => end({ type: 'broken', place: down }));
  return run.giveUp;
}

interface Rounding extends RoundSurroundings {
  readonly kind: RoundState['kind'];
  readonly state: RoundState;
  readonly began: Instant;
  readonly run: Errand;
  readonly end: (ending: RoundEnding) => void;
}

function openRound(rounding: Rounding): void {
  const { clock, machine, way, rng, kind, state, run } = rounding;
  const resumed = state.durable;
  const { zero } = machine.assumptions.rounds;
  run.wait(drawn(rng, machine.assumptions.platforms[machine.platform].openRound), () => {
    stun(rounding, 'freeze');
    const opened = clock.now();
    const left = bytes(state.differing - state.durable);
    // Part of what a full sync reads turns out to be zeroes, which cross as a range.
    const zeroed = bytes(kind === 'full' ? Math.floor((left * zero.numerator) / zero.denominator) : 0);
    const sending = bytes(left - zeroed);
    const before = state.sentBefore;
    const same = state.planned - state.differing;
    const scanned = (share: number): MigrationFact => progress(state, Math.floor(same * share) + state.durable);
    const sent = (share: number): MigrationFact => {
      state.durable = bytes(resumed + Math.floor(left * share));
      state.sentBefore = bytes(before + Math.floor(sending * share));
      return progress(state, same + state.durable);
    };
    carry(rounding, scanOf(machine.vm, kind, state), way.read, scanned, () =>
      carry(rounding, sending, way, sent, () => {
        const crossing = elapsed(opened, clock.now());
        const closing = drawn(rng, machine.assumptions.rounds.close) + mergeTime(rounding);
        run.wait(millis(Math.round(closing)), () => closeRound(rounding, { resumed, sending, zeroed, crossing }));
      }),
    );
  });
}

/** A checkpoint that the round read from is merged into the disk: the longer, the more was written beside it. */
function mergeTime({ clock, machine, rng }: Rounding): number {
  const { mergePerGiB } = machine.assumptions.platforms[machine.platform];
  if (mergePerGiB[1] === 0) return 0;
  stun({ clock, machine, rng }, 'merge');
  return (drawn(rng.fork('merge'), mergePerGiB) * machine.writes.dirty(clock.now())) / GiB;
}

function stun({ clock, machine, rng }: Pick<Rounding, 'clock' | 'machine' | 'rng'>, why: 'freeze' | 'merge'): void {
  const span = machine.assumptions.platforms[machine.platform].stun;
  // From a stream of its own: platforms that stun nobody draw what they always drew.
  if (span[1] > 0) machine.writes.stun(clock.now(), drawn(rng.fork(`stun to ${why}`), span));
}

function closeRound(
  { clock, machine, kind, state, began, end }: Rounding,
  {
    resumed,
    sending,
    zeroed,
    crossing,
  }: {
    readonly resumed: Bytes;
    readonly sending: Bytes;
    readonly zeroed: Bytes;
    readonly crossing: Millis;
  },
): void {
  const { round } = state;
  state.closed = true;
  machine.complete = true;
  const report: RoundReport = {
    round,
    kind,
    planned: state.planned,
    sent: sending,
    zeroed,
    resumed,
    duration: elapsed(began, clock.now()),
    rate: bytesPerSecond(Math.floor((sending * 1_000) / Math.max(1, crossing))),
    dirty: kind === 'final' ? bytes(0) : machine.writes.dirty(clock.now()),
    disks: diskReports(machine.vm, round, sending, zeroed),
  };
  end({ type: 'completed', report });
}

function continued(machine: Machine, kind: RoundState['kind'], round: Round): RoundState | undefined {
  const { round: state } = machine;
  return state && !state.closed && state.kind === kind && state.round === round ? state : undefined;
}

function begin(machine: Machine, kind: RoundState['kind'], round: Round, at: Instant): RoundState {
  // What an unfinished round of another kind left over differs still.
  const unfinished = machine.round && !machine.round.closed ? machine.round.differing - machine.round.durable : 0;
  const used = machine.vm.disks.reduce((sum, disk) => sum + disk.used, 0);
  const dirty = machine.writes.mark(at);
  if (kind === 'rescan') machine.tracking = 'on';
  const differing = kind === 'full' || !machine.complete ? used : Math.min(used, unfinished + dirty);
  const state: RoundState = {
    round,
    kind,
    planned: bytes(kind === 'rescan' ? used : differing),
    differing: bytes(differing),
    durable: bytes(0),
    reached: bytes(0),
    sentBefore: bytes(0),
    closed: false,
  };
  machine.round = state;
  return state;
}

/** Bytes to be read for digests before anything is sent: all of them in a rescan, untracked disks in every other round. */
function scanOf(vm: EstateVm, kind: RoundState['kind'], { planned, differing }: RoundState): Bytes {
  if (kind === 'full') return bytes(0);
  if (kind === 'rescan') return bytes(planned - differing);
  return bytes(vm.disks.reduce((sum, { tracked, used }) => sum + (tracked ? 0 : used), 0));
}

function progress(state: RoundState, done: number): MigrationFact {
  const { round, planned, sentBefore } = state;
  // A rescan that is taken up again reads again what it had read: it is not further for that, nor less far.
  state.reached = bytes(Math.min(planned, Math.max(state.reached, done)));
  return { type: 'RoundProgressed', data: { round, done: state.reached, total: planned, sent: sentBefore } };
}

/** Has bytes cross, and reports how far they are now and then. `reached` is told the share that has. */
function carry(
  { clock, transfers, progressEvery, report, run, end }: Rounding,
  length: Bytes,
  { path, streamMax }: Way['read'],
  reached: (share: number) => MigrationFact,
  crossed: () => void,
): void {
  if (length === 0) {
    reached(1);
    return crossed();
  }
  // It may have gone down while the round was being opened.
  const down = transfers.downOn(path);
  if (down !== undefined) return end({ type: 'broken', place: down });
  let ticks = 0;
  const share = (): number => transfer.crossed() / length;
  const transfer = transfers.begin({
    path,
    length,
    streamMax,
    onDone: () => {
      next.cancel();
      reached(1);
      crossed();
    },
    onBroken: (place) => {
      next.cancel();
      reached(share());
      end({ type: 'broken', place });
    },
  });
  const pause = (n: number): Millis => millis(progressEvery * (1 + Math.floor(n / 8)));
  const tick = (): void => {
    report(reached(share()));
    if (run.isOver) return;
    ticks += 1;
    next = clock.schedule(after(clock.now(), pause(ticks)), tick);
  };
  let next: Scheduled = clock.schedule(after(clock.now(), pause(0)), tick);
  run.attend(() => {
    next.cancel();
    reached(share());
    transfer.cancel();
  });
}

/** Each disk's part, by its size. */
function diskReports(vm: EstateVm, round: Round, sent: Bytes, zeroed: Bytes): readonly DiskReport[] {
  const { name, disks } = vm;
  const used = disks.reduce((sum, disk) => sum + disk.used, 0);
  const part = (whole: number, of: number): number => (used === 0 ? 0 : Math.floor((whole * of) / used));
  // What is lost by rounding down is the first one's.
  let sentRest: number = sent;
  let zeroedRest: number = zeroed;
  for (const disk of disks) {
    sentRest -= part(sent, disk.used);
    zeroedRest -= part(zeroed, disk.used);
  }
  return disks.map(({ id, used: own }, i) => ({
    disk: id,
    sent: bytes(part(sent, own) + (i === 0 ? sentRest : 0)),
    zeroed: bytes(part(zeroed, own) + (i === 0 ? zeroedRest : 0)),
    root: rootOf(`${name} ${id} ${round}`),
  }));
}

/**
 * A root in form: there is no content to digest.
 *
 * @differs Roots are made from names and round numbers, since there are no bytes.
 */
function rootOf(name: string): string {
  let [a, b, c, d] = [0x811c9dc5, 0x01000193, 0x9e3779b9, 0x85ebca6b];
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ (unit + 1), 0x01000193);
    c = Math.imul(c ^ (unit + 2), 0x01000193);
    d = Math.imul(d ^ (unit + 3), 0x01000193);
  }
  return hexText(a) + hexText(b) + hexText(c) + hexText(d);
}
