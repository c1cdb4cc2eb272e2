import type { Clock } from '#core/clock';
import type { Refusal } from '#core/driver/driver';
import type { RunningDriver } from '#core/driver/run-driver';
import type { CommandId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import {
  describeRejection,
  type MigrationCommand,
  type MigrationCommandType,
  type Rejection,
} from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationPlan } from '#core/migration/plan';
import { err, type Result } from '#core/result';
import { leavingStep, nextStep, type EndingKind, type Goal } from './migrate-step.ts';

/** The driver of a migration at work. */
export type Running = RunningDriver<MigrationState, MigrationCommand, Rejection>;

/** Sends a command to the migration that runs. The error is a sentence. */
export type SendCommand = (command: MigrationCommand, actor: string) => Promise<Result<void, string>>;

/** What conducting a migration needs. */
export interface Conducting {
  readonly plan: MigrationPlan;
  readonly running: Running;
  readonly news: NewsDesk;
  readonly clock: Clock;
  readonly newCommandId: () => CommandId;
  readonly signal: AbortSignal;
  readonly approve?: (signal: AbortSignal, refused: string | undefined) => Promise<string>;
  readonly onRunning?: (send: SendCommand, running: Pick<Running, 'command'>) => void;
  readonly outcome?: 'done' | 'notDone';
  readonly goal?: Goal;
}

/** Sends what the plan implies, one command after the other, until there is nothing left for this run to do. */
export const conduct = (work: Conducting): Promise<EndingKind> =>
  Promise.race([sendInTurn(work), endedEarly(work.running)]);

/** Rejects if this program is wrong; resolves only when the log refuses, since every other end is found by looking. */
async function endedEarly(running: Running): Promise<EndingKind> {
  const ending = await running.ended;
  if (ending.type === 'logRefused') return 'logRefused';
  return new Promise<never>(() => undefined);
}

async function sendInTurn(work: Conducting): Promise<EndingKind> {
  const { plan, running, news, signal } = work;
  const requester = `operator:${plan.requester}`;
  const sent = new Set<MigrationCommandType>();
  const send = sender(work);
  const approval = approvals(work, send);
  work.onRunning?.(send, running);
  if (work.outcome && axesOf(running.state()).outcome === 'undecidable')
    await send({ type: 'DecideOutcome', data: { outcome: work.outcome, by: plan.requester } }, requester);
  for (;;) {
    const { version } = news;
    const state = running.state();
    const step = signal.aborted ? leavingStep(state) : nextStep(state, plan, sent, work.goal);
    switch (step.type) {
      case 'end':
        return step.kind;
      case 'send': {
        const result = await send(step.command, requester);
        if (result.ok) sent.add(step.command.type);
        // What is refused now is refused for a reason that only another fact removes.
        else await news.after(version);
        break;
      }
      case 'askApproval':
        approval.ask();
        await news.after(version);
        approval.check();
        break;
      case 'wait':
        await news.after(version);
    }
  }
}

function sender({ running, newCommandId, clock }: Conducting): SendCommand {
  return async (command, actor) => {
    const result = await running.command({ id: newCommandId(), actor, at: clock.now(), command });
    return result.ok ? result : err(describeRefusal(result.error));
  };
}

function describeRefusal(refusal: Refusal<Rejection>): string {
  switch (refusal.type) {
    case 'RevisionConflict':
      return 'somebody else has written to this migration meanwhile';
    case 'LogFull':
    case 'LogUnavailable':
      return `the event log ${refusal.where} cannot be written to: ${refusal.detail}`;
    case 'LogClosed':
    case 'DriverStopped':
      return 'the run is over';
    default:
      return describeRejection(refusal);
  }
}

interface Approvals {
  /** Asks whoever approves, unless that is being asked already. */
  ask(): void;
  /** Throws what asking threw. */
  check(): void;
}

function approvals({ approve, signal, news }: Conducting, send: SendCommand): Approvals {
  let asking = false;
  let refused: string | undefined;
  let failure: { readonly error: unknown } | undefined;
  const askOnce = async (ask: NonNullable<Conducting['approve']>): Promise<void> => {
    const by = await ask(signal, refused);
    const result = await send({ type: 'ApproveCutover', data: { by } }, `operator:${by}`);
    refused = result.ok ? undefined : result.error;
  };
  return {
    ask: () => {
      if (!approve || asking) return;
      asking = true;
      void askOnce(approve)
        .catch((error: unknown) => (failure = { error }))
        .finally(() => {
          asking = false;
          news.announce();
        });
    },
    check: () => {
      if (failure && !signal.aborted) throw failure.error;
    },
  };
}

/** Tells those who wait that something has happened. */
export interface NewsDesk {
  /** Grows with every piece of news. */
  readonly version: number;
  readonly announce: () => void;
  /** Resolves once there is news after `version`; at once if there is some already. */
  after(version: number): Promise<void>;
}

/** A desk without news. */
export function newsDesk(): NewsDesk {
  let version = 0;
  let waiting: (() => void)[] = [];
  return {
    get version() {
      return version;
    },
    announce: () => {
      version += 1;
      const all = waiting;
      waiting = [];
      for (const tell of all) tell();
    },
    after: (seen) => (version > seen ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
