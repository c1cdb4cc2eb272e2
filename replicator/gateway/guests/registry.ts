import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#core/clock';
import {
  describeLogFault,
  LogReadError,
  revision,
  type EventLog,
  type ProposedFact,
  type StreamId,
} from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { factId, sentinelId, type SentinelId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { SentinelCommand, SentinelRejection } from '#core/sentinel/commands';
import { decideSentinel } from '#core/sentinel/decide';
import type { SentinelEffect } from '#core/sentinel/effects';
import { evolveSentinel, initialSentinel, type SentinelState } from '#core/sentinel/evolve';
import { sentinelSchemaVersion, type SentinelFact } from '#core/sentinel/facts';
import { sentinelChart } from '#core/sentinel/machine';
import { kindOfLog } from '#core/text/log-kind';
import type { Instant } from '#core/units';

/*
 * All sentinels of a gateway, folded from its own event log: one stream a sentinel, in `sentinels.db` of its state folder.
 * Nothing else is remembered of them. Commands to one sentinel are carried out one after the other; their facts are in
 * the log before anything is done or said because of them.
 */

/** Why a command to a sentinel was not carried out. */
export type RegistryError =
  | SentinelRejection
  /** The log did not take it: nothing was done. */
  | { readonly type: 'LogFailed'; readonly detail: string };

/** All sentinels of a gateway. */
export interface Registry {
  /** Every sentinel that was ever invited, by its id. */
  all(): ReadonlyMap<SentinelId, SentinelState>;
  state(id: SentinelId): SentinelState;
  /** The facts the command led to, which are in the log. */
  command(
    id: SentinelId,
    command: SentinelCommand,
    actor: string,
  ): Promise<Result<readonly SentinelFact[], RegistryError>>;
  /** Notes that someone was refused of whom nothing is known. Floods are noted once a minute for each address. */
  refuseStranger(refusal: Extract<SentinelCommand, { type: 'RefuseSentinel' }>['data']): Promise<void>;
  close(): Promise<void>;
}

/** Where strangers are noted. No sentinel has this name. */
export const strangerId = sentinelId('unknown');

const strangerPause = 60_000;
// Addresses remembered for that. Beyond them everything is noted again, which is harmless.
const strangersMax = 1_000;

/** The log of sentinels in a folder of this machine. */
export function sentinelLogIn(directory: string) {
  const path = join(directory, 'sentinels.db');
  return {
    logName: path,
    openLog: async (): Promise<Result<EventLog, string>> => {
      const opened = await openSqliteEventLog({ path, mode: 'create' });
      return opened.ok ? opened : err(describeLogFault(opened.error));
    },
  };
}

/** What a registry needs beside its log. */
export interface RegistryOptions {
  readonly clock: Clock;
  /** What its log is called where something is wrong with it. */
  readonly logName: string;
  /** A UUID that no fact had before. */
  readonly newFactId: () => string;
  readonly onEffect: (id: SentinelId, effect: SentinelEffect) => void;
}

/** Opens the registry in a folder of this machine. */
export async function openRegistry(
  directory: string,
  clock: Clock,
  onEffect: RegistryOptions['onEffect'],
): Promise<Result<Registry, string>> {
  const { openLog, logName } = sentinelLogIn(directory);
  const log = await openLog();
  return log.ok ? registryOf(log.value, { clock, logName, newFactId: randomUUID, onEffect }) : log;
}

/** Folds a log, which is the registry's from now on. Sentinels that were connected when the gateway ended are noted as lost. */
export async function registryOf(log: EventLog, options: RegistryOptions): Promise<Result<Registry, string>> {
  const states = new Map<SentinelId, SentinelState>();
  try {
    if ((await kindOfLog(log)) === 'run') {
      await log.close();
      return err(
        `${options.logName} is the log of a run, which no gateway writes to; give it another folder, or move the log away`,
      );
    }
    for await (const { stream, type, data } of log.readAll({ category: 'sentinel' })) {
      const id = sentinelId(stream.slice('sentinel-'.length));
      // The log is of our own writing, and `evolve` refuses what cannot follow.
      const fact = { type, data } as SentinelFact;
      states.set(id, evolveSentinel(states.get(id) ?? initialSentinel(), fact).state);
    }
  } catch (cause) {
    await log.close();
    if (cause instanceof LogReadError || cause instanceof InvariantError) return err(cause.message);
    throw cause;
  }
  const registry = registryOver(log, states, options);
  for (const [id, { snapshot }] of states) {
    if (!snapshot.matches({ enrolled: 'connected' })) continue;
    const { connections: connection } = snapshot.context;
    await registry.command(id, { type: 'NoteLoss', data: { connection, why: 'the gateway ended' } }, 'gateway');
  }
  return ok(registry);
}

function registryOver(
  log: EventLog,
  states: Map<SentinelId, SentinelState>,
  { clock, newFactId, onEffect }: RegistryOptions,
): Registry {
  const turns = new Map<SentinelId, Promise<unknown>>();
  const strangers = new Map<string, number>();
  const stateOf = (id: SentinelId): SentinelState => states.get(id) ?? initialSentinel();
  const carryOut = async (
    id: SentinelId,
    command: SentinelCommand,
    actor: string,
  ): Promise<Result<readonly SentinelFact[], RegistryError>> => {
    const state = stateOf(id);
    const decided = decideSentinel(command, state);
    if (!decided.ok) return decided;
    const stream: StreamId = `sentinel-${id}`;
    const facts = decided.value.map((fact) =>
      proposed(fact, { id: newFactId(), sentinel: id, actor, time: clock.now() }),
    );
    const appended = await log.append(stream, facts, state.count === 0 ? 'none' : revision(state.count - 1));
    if (!appended.ok) return err({ type: 'LogFailed', detail: appended.error.type });
    for (const fact of decided.value) {
      const step = evolveSentinel(stateOf(id), fact);
      states.set(id, step.state);
      for (const effect of step.effects) onEffect(id, effect);
    }
    return decided;
  };
  const command: Registry['command'] = (id, wish, actor) => {
    const before = turns.get(id) ?? Promise.resolve();
    const turn = before.then(() => carryOut(id, wish, actor));
    turns.set(id, turn);
    return turn;
  };
  return {
    all: () => new Map([...states].filter(([id]) => id !== strangerId)),
    state: stateOf,
    command,
    refuseStranger: async (data) => {
      const key = `${data.from} ${data.what} ${data.why}`;
      const now = clock.now();
      const last = strangers.get(key);
      if (last !== undefined && now - last < strangerPause) return;
      if (strangers.size >= strangersMax) strangers.clear();
      strangers.set(key, now);
      await command(strangerId, { type: 'RefuseSentinel', data }, 'gateway');
    },
    close: async () => {
      await Promise.allSettled(turns.values());
      await log.close();
    },
  };
}

function proposed(
  fact: SentinelFact,
  { id, sentinel, actor, time }: { id: string; sentinel: SentinelId; actor: string; time: Instant },
): ProposedFact<SentinelFact> {
  const metadata = { time, actor, correlationId: sentinel, schemaVersion: sentinelSchemaVersion, model: sentinelChart };
  return { id: factId(id), type: fact.type, data: fact.data, metadata };
}
