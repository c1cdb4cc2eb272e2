import type { MigrationFactType } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { after, instant, millis, ratio, type Bytes, type Instant, type Millis, type Ratio } from '#core/units';
import type { Disturbance } from '#simulator/flow/transfers';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** Something that is wrong for a while, as often as `when` says. */
export interface Spell<S = Stage> extends Period {
  /** Makes it wrong, and answers what makes it right again. `vm` is whose fact it waited for, if it did. */
  begin(stage: S, vm?: string): () => void;
}

/** When something is wrong, and how. */
export interface Period {
  readonly when: Timing;
  /** How long each time. */
  readonly lasts: Millis;
  /** All the while if not given. */
  readonly flaps?: Flapping | undefined;
}

/** When it begins. */
export type Timing =
  | { readonly type: 'at'; readonly at: Instant }
  /** Without memory, on average once in `every`, and not before it has been right for `calm`. Minute by minute. */
  | {
      readonly type: 'random';
      readonly from: Instant;
      readonly every: Millis;
      readonly calm: Millis;
      readonly times: number;
      readonly rng: Rng;
    }
  /** `after` a fact of one VM or of any. */
  | {
      readonly type: 'on';
      readonly fact: MigrationFactType;
      /** Its name, or `any`. */
      readonly vm: string;
      readonly after: Millis;
      readonly times: number;
    };

/** It comes and goes: in each `period` it is wrong for a part, first of all. */
export interface Flapping {
  readonly period: Millis;
  /** The part of each period in which it is wrong. */
  readonly wrong: Ratio;
}

/** What faults may do to a world. */
export interface Stage {
  disturb(place: string, disturbance: Disturbance): () => void;
  /** A host fails with everything on it, and comes back when what it answers is called. */
  failHost(host: string): () => void;
  /** The source moves to another host while it runs. */
  moveVm(vm: string, host: string, tracking: 'kept' | 'lost'): void;
  /** Somebody changes the disks of a source; put back when what it answers is called. */
  changeDisks(vm: string, change: DiskChange): () => void;
}

/** What somebody did to the disks of a source. */
export interface DiskChange {
  readonly change: 'added' | 'resized';
  readonly disk: string;
  readonly size: Bytes;
}

/** Lets spells begin and end. */
export interface SpellPlayer {
  /** Something happened to a VM that a spell may wait for. */
  happened(vm: string, fact: MigrationFactType): void;
}

/** Plays spells on a stage, each when its time has come. */
export function playSpells<S>(
  spells: readonly Spell<S>[],
  clock: Pick<SimulatedClock, 'now' | 'schedule'>,
  stage: S,
): SpellPlayer {
  const waiting: { spell: Spell<S>; when: Extract<Timing, { type: 'on' }>; left: number }[] = [];
  for (const spell of spells) {
    const { when } = spell;
    if (when.type === 'at') clock.schedule(when.at, () => playOnce(spell, clock, stage));
    else if (when.type === 'on') waiting.push({ spell, when, left: when.times });
    else playAtRandom(spell, when, clock, stage);
  }
  return {
    happened(vm, fact) {
      for (const wait of waiting) {
        const { spell, when } = wait;
        if (wait.left === 0 || when.fact !== fact || (when.vm !== 'any' && when.vm !== vm)) continue;
        wait.left -= 1;
        clock.schedule(after(clock.now(), when.after), () => playOnce(spell, clock, stage, vm));
      }
    },
  };
}

type Clock = Pick<SimulatedClock, 'now' | 'schedule'>;

function playOnce<S>({ lasts, flaps, begin }: Spell<S>, clock: Clock, stage: S, vm?: string): void {
  const over = after(clock.now(), lasts);
  const on = (): void => {
    const right = begin(stage, vm);
    const until = flaps ? instant(Math.min(over, clock.now() + wrongFor(flaps))) : over;
    clock.schedule(until, right);
    const again = flaps ? instant(clock.now() + flaps.period) : over;
    if (again < over) clock.schedule(again, on);
  };
  on();
}

const wrongFor = ({ period, wrong }: Flapping): number =>
  Math.max(1, Math.floor((period * wrong.numerator) / wrong.denominator));

const minute = millis(60_000);

function playAtRandom<S>(
  spell: Spell<S>,
  { from, every, calm, times, rng }: Extract<Timing, { type: 'random' }>,
  clock: Clock,
  stage: S,
): void {
  const perMinute = ratio(1, Math.max(1, Math.round(every / minute)));
  const next = (earliest: Instant, left: number): void => {
    if (left === 0) return;
    let at = earliest;
    do at = after(at, minute);
    while (!rng.chance(perMinute));
    clock.schedule(at, () => {
      playOnce(spell, clock, stage);
      next(after(at, millis(spell.lasts + calm)), left - 1);
    });
  };
  next(from, times);
}
