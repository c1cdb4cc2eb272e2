import type { MigrationId } from '#core/ids';
import type { MigrationFactType } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import type { Instant } from '#core/units';
import { playSpells, type Spell } from '#simulator/faults/spell';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { periodOf } from './fault-timing.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** What runs the drivers of a rehearsal. It may die, and is started again from the log. */
export interface Manager {
  /** Does it now, or when the manager runs again: whoever asks for something asks until somebody is there. */
  whenUp(act: () => void): void;
  /** Something happened to a migration that the manager may die of. */
  happened(migration: MigrationId, fact: MigrationFactType): void;
}

/** What a manager is made of. */
export interface ManagerOptions {
  readonly scenario: RehearsalScenario;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly start: Instant;
  /** Every driver dies, wherever it is. */
  readonly crash: () => void;
  /** Every driver is started again from its facts. */
  readonly restart: () => void;
}

/** Whether a scenario lets its manager crash: only then are facts kept to start again from. */
export const managerCrashes = ({ faults }: RehearsalScenario): boolean =>
  faults.some(({ type }) => type === 'managerCrash');

/** A manager that runs, and crashes when its scenario says so. */
export function manager({ scenario, clock, rng, start, crash, restart }: ManagerOptions): Manager {
  let crashes = 0;
  let waiting: (() => void)[] = [];
  const begin = (): (() => void) => {
    crashes += 1;
    if (crashes === 1) crash();
    return () => {
      crashes -= 1;
      if (crashes > 0) return;
      restart();
      const acts = waiting;
      waiting = [];
      for (const act of acts) act();
    };
  };
  const spells = scenario.faults.flatMap((fault, i): readonly Spell<null>[] => {
    const period = fault.type === 'managerCrash' ? periodOf(fault, rng.fork(`crash ${i}`), start) : undefined;
    return period ? [{ ...period, begin }] : [];
  });
  const player = playSpells(spells, clock, null);
  return {
    whenUp: (act) => (crashes > 0 ? void waiting.push(act) : act()),
    happened: (migration, fact) => player.happened(migration, fact),
  };
}
