import type { Report } from '#core/driver/world';
import type { Check, MigrationFact, RoundReport, StepItem } from '#core/migration/facts';
import {
  describeHypervisorError,
  disksNamed,
  type DiskLocator,
  type HypervisorError,
  type SourceInventory,
} from '#core/ports/source-hypervisor';
import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { formatBytes } from '#core/text/format';
import type { Bytes, Instant } from '#core/units';
import { describeReplicationError, type Comparison } from '#replicator/pipeline/replication';
import { describeDiskDifference, diskDifferences } from './disk-differences.ts';
import { changesSince, numberOf } from './marks.ts';
import type { FoundState } from './memory.ts';
import { came, replicaOf, type Parts, type Perform, type Reconcile } from './parts.ts';
import { persist } from './patience.ts';
import { isAtRest, runRound, sinceFirstTry, type RoundOrder } from './rounds.ts';
import { withoutSecrets } from './secrets.ts';
import { reasonFor, reasonOf, troubleAtSource, troubleOnPath, type Trouble } from './trouble.ts';

/** Stops the guest, and remembers what it was doing. A guest that crashed is taken as it is only by force. */
export const quiesceSource: Perform<'quiesceSource'> = async (parts, { params }) => {
  const before = await parts.source.ask((source) => source.inspect());
  if (!before.ok) return refusedOrUnknown(before.error);
  const { power, hypervisor } = before.value;
  switch (power) {
    case 'off':
      return came(quiesced('found switched off', 'off'));
    case 'crashed': {
      if (params.force) return came(quiesced('found crashed, taken as it is', 'unknown'));
      return came(guestCrashed());
    }
    // Also what stands still already is asked: only the hypervisor knows whether its last writes are on the disk.
    case 'paused':
    case 'running': {
      const paused = await parts.source.ask((source) => source.pause());
      if (!paused.ok) return refusedOrUnknown(paused.error);
      // It may have crashed since it was looked at, and what has crashed stands still as well.
      const after = await parts.source.ask((source) => source.inspect());
      if (!after.ok) return refusedOrUnknown(after.error);
      if (after.value.power !== 'crashed') return came(quiesced(`paused by ${hypervisor}`, power));
      return came(params.force ? quiesced('crashed as it was paused, taken as it is', 'unknown') : guestCrashed());
    }
  }
};

const guestCrashed = (): MigrationFact => {
  const detail = 'the guest has crashed: what it had not written yet is lost; start it again, or force the cutover';
  return { type: 'QuiesceRefused', data: { reason: reasonOf('GuestCrashed', detail) } };
};

const quiesced = (method: string, found: FoundState): MigrationFact => ({
  type: 'SourceQuiesced',
  data: { method, found },
});

function refusedOrUnknown(error: HypervisorError): Awaited<ReturnType<Perform<'quiesceSource'>>> {
  if (error.type === 'Unreachable') return { type: 'unknown', why: withoutSecrets(describeHypervisorError(error)) };
  return came({ type: 'QuiesceRefused', data: { reason: reasonFor(troubleAtSource(error)) } });
}

/**
 * Whether the guest has been stopped. What it was doing before is not in the log any more, and a guess would be taken
 * for a finding: `unknown`.
 */
export const wasQuiesced: Reconcile = async (parts) => {
  const now = await parts.source.ask((source) => source.inspect());
  if (!now.ok) return { type: 'cannotTell', why: withoutSecrets(describeHypervisorError(now.error)) };
  const { power, hypervisor } = now.value;
  if (power === 'running' || power === 'crashed') return { type: 'notDone' };
  return {
    type: 'done',
    facts: [quiesced(`${power === 'off' ? 'off' : 'paused'} when ${hypervisor} was asked`, 'unknown')],
  };
};

/**
 * The last delta, from a source at rest. A connection that breaks is tried again while the downtime budget lasts; then
 * the source is given back rather than kept down.
 */
export const runFinalSync: Perform<'runFinalSync'> = async (parts, { params, report, signal }) => {
  const { clock, plan } = parts;
  const begunAt = clock.now();
  const order: RoundOrder = {
    round: params.round,
    kind: 'final',
    signal,
    onProgress: (data) => report({ type: 'RoundProgressed', data }),
  };
  const tell = retryTeller(report);
  const { onAgain } = tell;
  let complete: RoundReport | undefined;
  // A round that is complete is not made again because the question after it had no answer.
  const tried = async (): Promise<Result<RoundReport, Trouble>> => {
    if (!complete) {
      const ran = await runRound(parts, order);
      if (!ran.ok) return ran;
      complete = ran.value;
    }
    const after = await parts.source.look((source) => source.inspect(), signal);
    if (!after.ok) return err(troubleAtSource(after.error));
    // First: a guest that somebody started again is why something was written.
    if (!isAtRest(after.value)) return err(startedAgain);
    if (complete.dirty > 0) return err(writtenAtRest(complete.dirty));
    return ok(complete);
  };
  const ended = await persist({ clock, within: plan.downtimeMax, mayHelp: mayPass, signal, onAgain }, tried);
  if (!signal.aborted) tell.ended(ended.ok ? undefined : ended.error);
  if (!ended.ok) return came(finalSyncFailed(ended.error));
  return came({ type: 'FinalSyncCompleted', data: sinceFirstTry(ended.value, begunAt, clock.now()) });
};

/** Tells of a final sync that is tried again, and how that ended. One that goes well at once needs no words. */
function retryTeller(report: Report<MigrationFact>): {
  readonly onAgain: (trouble: Trouble, attempt: number, at: Instant) => void;
  readonly ended: (trouble: Trouble | undefined) => void;
} {
  let attempts = 1;
  const say = (state: StepItem['state'], detail: string, nextAttempt: Instant | null): void => {
    const item = { step: 'runFinalSync', item: 'round', title: 'Copy what was written last' } as const;
    report({ type: 'StepReported', data: { ...item, state, detail, attempt: attempts, nextAttempt } });
  };
  return {
    onAgain: (trouble, attempt, at) => {
      say('retrying', reasonFor(trouble).detail, at);
      attempts = attempt;
    },
    ended: (trouble) => {
      if (attempts > 1) say(trouble ? 'failed' : 'done', trouble ? reasonFor(trouble).detail : '', null);
    },
  };
}

const mayPass = (trouble: Trouble): boolean =>
  trouble.type === 'Disconnected' || (trouble.type === 'Stalled' && trouble.retryable);

function writtenAtRest(dirty: Bytes): Trouble {
  sometimes('final sync: somebody wrote while the source was at rest');
  const detail = `${formatBytes(dirty)} were written at the source while it was at rest: something other than the guest writes to its disks`;
  return { type: 'Stalled', reason: reasonOf('WrittenWhileAtRest', detail), retryable: false };
}

const startedAgain: Trouble = {
  type: 'Stalled',
  reason: reasonOf('SourceRuns', 'the source was started again during the final sync'),
  retryable: false,
};

const finalSyncFailed = (trouble: Trouble): MigrationFact => ({
  type: 'FinalSyncFailed',
  data: { reason: reasonFor(trouble), trackingLost: trouble.type === 'TrackingLost' },
});

/** What proving came to. */
export type Fenced =
  | { readonly type: 'proven'; readonly proof: string }
  | { readonly type: 'notProven'; readonly trouble: Trouble }
  | { readonly type: 'unreachable'; readonly why: string };

/**
 * Proves that the source is at rest and that nobody wrote since the final sync. Its hypervisor, or its sentinel, is all
 * there is to ask: it says whether the guest can run, and its mark says that nobody wrote. Nothing is changed, so proving
 * it twice is proving it once.
 */
export async function proveUnwritten(parts: Parts, signal: AbortSignal): Promise<Fenced> {
  const now = await parts.source.look((source) => source.inspect(), signal);
  if (!now.ok) return failedToAsk(now.error);
  const named = disksNamed(now.value);
  if (!named.ok) return failedToAsk(named.error);
  const differences = diskDifferences(parts.plan, named.value, parts.otherDisks);
  if (differences.length > 0) return notProven('DisksChanged', differences.map(describeDiskDifference).join('; '));
  if (!isAtRest(now.value)) {
    sometimes('fence: the source ran again');
    return notProven('SourceRuns', 'the source runs again after the final sync');
  }
  const memory = await parts.memory();
  if (memory.finalRound === null) return notProven('NoFinalSync', 'the log has no final sync to prove anything about');
  const number = numberOf(memory.finalRound, memory);
  const changes = await changesSince({ parts, number }, signal);
  if (!changes.ok) return failedToAsk(changes.error);
  const written = [...changes.value].filter(([, dirty]) => dirty > 0);
  if (written.length > 0) {
    sometimes('fence: somebody wrote after the final sync');
    return notProven(
      'WrittenSinceFinalSync',
      written.map(([disk, dirty]) => `${formatBytes(dirty)} were written to ${disk} after the final sync`).join('; '),
    );
  }
  return { type: 'proven', proof: proofOf(now.value, [...changes.value.keys()], number) };
}

const proofOf = ({ power, hypervisor }: SourceInventory, disks: readonly DiskId[], number: number): string =>
  `${hypervisor} says the guest is ${power}; change mark ${number}, begun at the final sync, is empty on ${disks.join(', ') || 'no disk: none can be tracked'}`;

const notProven = (type: string, detail: string): Fenced => ({
  type: 'notProven',
  trouble: { type: 'Stalled', reason: reasonOf(type, detail), retryable: false },
});

const failedToAsk = (error: HypervisorError): Fenced =>
  error.type === 'Unreachable'
    ? { type: 'unreachable', why: withoutSecrets(describeHypervisorError(error)) }
    : { type: 'notProven', trouble: troubleAtSource(error) };

/** Proves that the source is at rest and that nothing was written since the final sync. */
export const fenceSource: Perform<'fenceSource'> = async (parts, { signal }) => {
  const fenced = await proveUnwritten(parts, signal);
  switch (fenced.type) {
    case 'proven':
      return came({ type: 'SourceFenced', data: { proof: fenced.proof } });
    case 'notProven':
      return came({ type: 'FencingFailed', data: { reason: reasonFor(fenced.trouble) } });
    case 'unreachable':
      return { type: 'unknown', why: fenced.why };
  }
};

/** Proves it again: the fence consists of nothing but its proof. */
export const wasFenced: Reconcile = async (parts, signal) => {
  const fenced = await proveUnwritten(parts, signal);
  switch (fenced.type) {
    case 'proven':
      sometimes('fence: was proven again after its answer was lost');
      return { type: 'done', facts: [{ type: 'SourceFenced', data: { proof: fenced.proof } }] };
    case 'notProven':
      return { type: 'notDone' };
    case 'unreachable':
      return { type: 'cannotTell', why: fenced.why };
  }
};

/** Reads both sides of every disk again and compares them, while the source is at rest. */
export const validateTarget: Perform<'validateTarget'> = async (parts, { signal }) => {
  const checks = await compareDisks(parts, signal);
  const after = await parts.source.look((source) => source.inspect(), signal);
  const rests = after.ok && isAtRest(after.value);
  const all: readonly Check[] = [
    ...checks,
    rests
      ? { id: 'source-at-rest', verdict: 'passed', message: 'the source was at rest all the while', remedy: '' }
      : {
          id: 'source-at-rest',
          verdict: 'failed',
          message: after.ok ? 'the source runs again' : withoutSecrets(describeHypervisorError(after.error)),
          remedy: 'find out who started it, then start the cutover again',
        },
  ];
  const passed = all.every(({ verdict }) => verdict !== 'failed');
  return came({ type: passed ? 'TargetValidated' : 'ValidationFailed', data: { checks: all } });
};

async function compareDisks(parts: Parts, signal: AbortSignal): Promise<readonly Check[]> {
  const { plan, source, clock, patience } = parts;
  const checks: Check[] = await Promise.all(plan.disks.map(({ id }) => compareDisk(parts, id, signal)));
  // Nothing comes after this that would close them.
  const mayHelp = ({ type }: HypervisorError): boolean => type === 'Unreachable';
  await persist({ clock, within: patience, mayHelp, signal }, () =>
    source.ask((hypervisor) => hypervisor.closeDisks()),
  );
  return checks;
}

async function compareDisk(parts: Parts, disk: DiskId, signal: AbortSignal): Promise<Check> {
  const { clock, patience, source, path } = parts;
  const id = `disk-equal:${disk}`;
  const replica = replicaOf(parts, await parts.memory(), disk);
  const compared = await persist({ clock, within: patience, mayHelp: mayPass, signal }, async () => {
    const opened: Result<DiskLocator, HypervisorError> = await source.ask((hypervisor) => hypervisor.openDisk(disk));
    if (!opened.ok) return { ok: false, error: troubleAtSource(opened.error) } as const;
    const found = await path.compare({ ...replica, source: opened.value }, { signal });
    return found.ok ? ok(found.value) : ({ ok: false, error: comparisonTrouble(found.error, disk) } as const);
  });
  return compared.ok ? verdictOn(id, disk, compared.value) : notCompared(id, disk, compared.error);
}

const comparisonTrouble = (error: Parameters<typeof describeReplicationError>[0], disk: DiskId): Trouble =>
  troubleOnPath(error, disk, false);

function verdictOn(id: string, disk: DiskId, found: Comparison): Check {
  if (found.equal) {
    const message = `disk ${disk}: all ${formatBytes(found.size)} of the replica equal the source (root ${found.root})`;
    return { id, verdict: 'passed', message, remedy: '' };
  }
  const { start, length } = found.firstDifference;
  return {
    id,
    verdict: 'failed',
    message: `disk ${disk}: the replica differs from the source at byte ${start} (length ${length})`,
    remedy: 'ask for a rescan of the disks, then start the cutover again',
  };
}

const notCompared = (id: string, disk: DiskId, trouble: Trouble): Check => ({
  id,
  verdict: 'failed',
  message: `disk ${disk} could not be compared: ${reasonFor(trouble).detail}`,
  remedy: 'remove the cause, then start the cutover again',
});
