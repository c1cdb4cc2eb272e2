import { commandId, type MigrationId } from '#core/ids';
import type { Command, Refusal } from '#core/driver/driver';
import type { MigrationCommand, MigrationCommandType, Rejection } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationPlan } from '#core/migration/plan';
import type { Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { nextStep, type EndingKind } from '#scenarios/migrate-step';
import type { Rest } from './rest.ts';

/** Whoever runs single migrations: sends what `sealift migrate` would, and approves after a while. */
export interface Lead {
  take(migration: MigrationId, plan: MigrationPlan, state: MigrationState): void;
  /** A migration has moved. One that was not taken is somebody else's. */
  look(migration: MigrationId, state: MigrationState): void;
  stop(): void;
}

interface LeadOptions {
  readonly clock: SimulatedClock;
  readonly approveAfter: Millis;
  readonly rng: Rng;
  readonly send: (
    migration: MigrationId,
    command: Command<MigrationCommand>,
    answered: (result: Result<void, Refusal<Rejection>>) => void,
  ) => void;
  /** There is nothing left to send. */
  readonly onEnd: (migration: MigrationId, rest: Rest) => void;
}

interface Led {
  readonly plan: MigrationPlan;
  readonly sent: Set<MigrationCommandType>;
  state: MigrationState;
  isDue: boolean;
  approval: 'notAsked' | 'asked';
}

const rests: { readonly [K in EndingKind]?: Rest } = {
  cutOver: 'moved',
  finalized: 'moved',
  rolledBack: 'stays',
  cancelled: 'stays',
};

/** Leads no migration yet. */
export function leads({ clock, approveAfter, rng, send, onEnd }: LeadOptions): Lead {
  const led = new Map<MigrationId, Led>();
  let stopped = false;

  const ask = (
    migration: MigrationId,
    command: MigrationCommand,
    by: string,
    answered: (result: Result<void, Refusal<Rejection>>) => void,
  ): void =>
    send(migration, { id: commandId(rng.uuid()), actor: `operator:${by}`, at: clock.now(), command }, answered);

  const step = (migration: MigrationId, own: Led): void => {
    const next = nextStep(own.state, own.plan, own.sent);
    switch (next.type) {
      case 'wait':
        return;
      case 'end':
        return onEnd(migration, rests[next.kind] ?? 'asks');
      case 'askApproval':
        if (own.approval === 'asked') return;
        own.approval = 'asked';
        return void clock.schedule(after(clock.now(), approveAfter), () => approve(migration, own));
      case 'send':
        return ask(migration, next.command, own.plan.requester, (result) => {
          if (result.ok) own.sent.add(next.command.type);
          // What is refused now is refused for a reason that only another fact removes; nobody launches a test here.
          else if (result.error.type === 'TestNotPassed') return onEnd(migration, 'asks');
          if (result.ok) soon(migration, own);
        });
    }
  };
  const approve = (migration: MigrationId, own: Led): void => {
    if (stopped) return;
    const by = approverFor(own.plan.requester);
    ask(migration, { type: 'ApproveCutover', data: { by } }, by, () => (own.approval = 'notAsked'));
  };
  /** Not from within what moved it. */
  const soon = (migration: MigrationId, own: Led): void => {
    if (own.isDue) return;
    own.isDue = true;
    clock.schedule(clock.now(), () => {
      own.isDue = false;
      if (!stopped) step(migration, own);
    });
  };
  return {
    take(migration, plan, state) {
      const own: Led = { plan, sent: new Set(), state, isDue: false, approval: 'notAsked' };
      led.set(migration, own);
      soon(migration, own);
    },
    look(migration, state) {
      const own = led.get(migration);
      if (!own) return;
      own.state = state;
      soon(migration, own);
    },
    stop: () => (stopped = true),
  };
}

/** Somebody else than who asked for it. */
export const approverFor = (requester: string): string => (requester === 'approver' ? 'another approver' : 'approver');
