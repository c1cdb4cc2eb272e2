import type { MigrationFact } from '#core/migration/facts';
import { after } from '#core/units';
import type { SendCommand } from '#scenarios/conduct';
import type { CutoverJudge } from './cutover-judge.ts';
import { sentenceOf, type Happening, type Mishap, type Moment, type Trouble } from './cutover-troubles.ts';
import type { SmallMigration } from './small-migration.ts';

/** Lets the troubles of one life happen, each when its moment comes. */
export interface Nemesis {
  /** Aborted when whoever runs it is called away. */
  readonly signal: AbortSignal;
  meets(send: SendCommand): void;
  comesTo(step: { readonly at: number; readonly name: string }, die: () => void): void;
  hears(fact: MigrationFact): void;
}

interface Stage {
  readonly small: SmallMigration;
  readonly judge: CutoverJudge;
  readonly writeNext: () => void;
  readonly launches: boolean;
  readonly away: AbortController;
  send: SendCommand | undefined;
  die: () => void;
  /** A block is to be spoiled once a rescan has been asked for. */
  doubts: boolean;
}

interface NemesisTerms {
  /** Told of each trouble that comes. */
  readonly tell: (line: string) => void;
  /** Has the guest write a block, if it runs. */
  readonly writeNext: () => void;
  readonly launches: boolean;
}

/** The troubles of one life of a small migration. */
export function nemesis(
  small: SmallMigration,
  judge: CutoverJudge,
  troubles: readonly Trouble[],
  { tell, writeNext, launches }: NemesisTerms,
): Nemesis {
  const left = new Set(troubles);
  const stage: Stage = {
    ...{ small, judge, writeNext, launches, away: new AbortController() },
    ...{ send: undefined, die: () => undefined, doubts: false },
  };
  const strike = (isNow: (when: Moment) => boolean): void => {
    for (const trouble of left) {
      if (!isNow(trouble.when)) continue;
      left.delete(trouble);
      tell(sentenceOf(trouble));
      befall(stage, trouble.what);
    }
  };
  strike(({ type }) => type === 'start');
  return {
    signal: stage.away.signal,
    meets: (send) => (stage.send = send),
    comesTo: ({ at, name }, die) => {
      stage.die = die;
      strike((when) => {
        if (when.type === 'step') return when.step === name && judge.hasBegun;
        if (when.type === 'rescanStep') return when.step === name && compares(small);
        return when.type === 'nth' && when.at === at;
      });
    },
    hears: (fact) => {
      if (fact.type === 'RescanRequested' && stage.doubts) {
        stage.doubts = false;
        spoil(small);
        judge.byHand('spoiledBeforeARescan');
      }
      strike((when) => {
        if (when.type === 'fact') return when.fact === fact.type;
        return when.type === 'effect' && fact.type === 'EffectRequested' && when.effect === fact.data.effect;
      });
    },
  };
}

const compares = ({ target }: SmallMigration): boolean =>
  [...target.replicas.values()].some(({ open }) => open?.mode === 'rescan');

function spoil({ target }: SmallMigration): void {
  const [replica] = target.replicas.values();
  if (replica && replica.blocks.length > 0) replica.blocks[0] = -1;
}

function befall(stage: Stage, mishap: Mishap): void {
  const { small, judge } = stage;
  const { source, launch } = small;
  switch (mishap.type) {
    case 'happens':
      return happen[mishap.what](stage);
    case 'fails':
      if (mishap.step === 'powerOff') judge.willRefuse();
      return void launch.fails.add(mishap.step);
    case 'answers': {
      if (mishap.fate === 'refused') judge.willRefuse();
      return void launch.fates.set(mishap.call, [...(launch.fates.get(mishap.call) ?? []), mishap.fate]);
    }
    case 'breaks': {
      const { operation, how } = mishap;
      if (how === 'refused') {
        judge.willRefuse();
        return source.breakNext(operation, { type: 'Refused', operation, detail: launch.words.refused });
      }
      if (how === 'lostBefore')
        return source.breakNext(operation, { type: 'Unreachable', operation, detail: launch.words.lost });
      return source.breakNext(operation, how);
    }
  }
}

const command = ({ send }: Stage, wanted: Parameters<SendCommand>[0]): void => void send?.(wanted, 'operator:ada');

const hasConnectedTarget = ({ small: { launch } }: Stage): boolean =>
  [...launch.vms.values()].some(({ power, links }) => power === 'running' && links === 'connected');

function restart({ small: { source, launch, clock }, judge }: Stage): void {
  source.restart();
  launch.awayUntil = after(clock.now(), launch.bootTakes);
  judge.byHand('switched');
}

const happen: { readonly [T in Happening]: (stage: Stage) => void } = {
  managerDies: ({ die }) => die(),
  connectionsBreak: ({ small }) => small.source.cut(),
  // Refused where it may not be: whoever asks is told so.
  operatorGoesBack: (stage) =>
    command(stage, { type: 'RollBack', data: { reason: 'asked', acceptLossOfTargetWrites: true } }),
  operatorCancels: (stage) => command(stage, { type: 'CancelMigration', data: { reason: 'asked' } }),
  operatorRescans: (stage) => {
    stage.doubts = true;
    command(stage, { type: 'RescanDisks', data: { reason: 'in doubt' } });
  },
  operatorInterrupts: ({ away }) => away.abort(),
  sourceIsStarted: (stage) => {
    if (stage.small.source.power === 'off') restart(stage);
  },
  sourceIsConnected: (stage) => {
    // Whoever does it beside a target that is connected has asked for it.
    if (hasConnectedTarget(stage)) return;
    if (stage.small.source.power === 'off') restart(stage);
    stage.small.launch.sourceConnected = true;
    stage.judge.byHand('plugged');
  },
  sourceIsUnplugged: ({ small, judge }) => {
    small.launch.sourceConnected = false;
    judge.byHand('plugged');
  },
  sourceIsReset: (stage) => {
    if (stage.small.source.power === 'off') return;
    restart(stage);
    stage.writeNext();
  },
  sourceIsResumed: ({ small: { source }, judge }) => {
    if (source.power !== 'paused') return;
    source.power = 'running';
    judge.byHand('switched');
  },
  sourceIsSwitchedOff: ({ small: { source }, judge }) => {
    source.power = 'off';
    judge.byHand('switched');
  },
  sourceIsPaused: ({ small: { source }, judge, launches }) => {
    // A guest that is brought to rest from inside has to run for it.
    if (source.power !== 'running' || launches) return;
    source.power = 'paused';
    judge.byHand('switched');
  },
  sourceCrashes: ({ small: { source }, judge }) => {
    if (source.power !== 'running') return;
    source.power = 'crashed';
    judge.byHand('switched');
  },
  hostWrites: ({ small: { source }, judge, writeNext }) => {
    if (source.power !== 'paused') return;
    source.power = 'running';
    writeNext();
    source.power = 'paused';
    judge.byHand('wrote');
  },
  replicaIsSpoiled: ({ small, judge }) => {
    spoil(small);
    judge.byHand('spoiled');
  },
  rootIsWrong: ({ small: { target } }) => {
    target.fault = () => {
      const modes = [...target.replicas.values()].map(({ open }) => open?.mode);
      if (modes.includes('rescan')) target.fault = undefined;
      if (!modes.includes('changes')) return undefined;
      return { type: 'RootMismatch', target: 'a', source: 'b' };
    };
  },
};
