import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, type Result } from '#core/result';
import { ratio } from '#core/units';
import type { SimulatedCalls, CallTrouble } from '#simulator/block/network/simulated-calls';
import type { SimulatedProcess } from '#simulator/block/process';
import type { Call as SourceCall } from '#simulator/block/sources/connector';
import type { Call as TargetCall } from '#simulator/block/target/call';

/** What is to become of a call. */
export type CallFate = CallTrouble['fate'];

/** Calls that concern one VM, whoever is called: its hypervisor, its sentinel, the target. */
export interface VmCalls {
  /** The next call of anybody has this fate. */
  doom(fate: CallFate): void;
  /** From now on these operations are refused. Call what is returned to end it. */
  refuse(operation: RegExp, why: string): () => void;
  /** Calls of a process to the hypervisor of the source. */
  ofSource(process: SimulatedProcess): SourceCall;
  /** Calls to the target, or to the sentinel, of the process that is at work by then. */
  ofOthers(caller: () => SimulatedProcess, to: string): TargetCall;
  /** What that process has programs do beside the replicas. It waits as long as they take: none acts once it was given up. */
  ofPrograms(caller: () => SimulatedProcess): TargetCall;
}

const always = ratio(1, 1);

/** Calls of one VM, none of which has a fate yet. */
export function vmCalls(calls: SimulatedCalls, vm: string): VmCalls {
  const fates: CallFate[] = [];
  const refusals = new Set<{ readonly operation: RegExp; readonly why: string }>();
  const call = async <T, E>(
    process: SimulatedProcess,
    { to, operation, isLocal = false }: { readonly to: string; readonly operation: string; readonly isLocal?: boolean },
    act: () => Result<T, E>,
    words: { lost(detail: string): E; refused(detail: string): E },
  ): Promise<Result<T, E>> => {
    const refusal = [...refusals].find((each) => each.operation.test(operation));
    if (refusal) return err(words.refused(refusal.why));
    const drawn = fates.shift();
    const fate = isLocal && drawn === 'late' ? 'answerLost' : drawn;
    const heal = fate === undefined ? undefined : calls.trouble({ fate, chance: always, to });
    // What becomes of a call is drawn as it is made.
    const made = calls.call(process, { from: 'manager', to, name: operation }, act);
    heal?.();
    const outcome = await made;
    if (outcome.type === 'answered') return outcome.answer;
    return err(outcome.type === 'refused' ? words.refused(outcome.detail) : words.lost(outcome.detail));
  };
  return {
    doom: (fate) => void fates.push(fate),
    refuse(operation, why) {
      const refusal = { operation, why };
      refusals.add(refusal);
      return () => refusals.delete(refusal);
    },
    ofSource: (process) => (operation, act) =>
      call(process, { to: `hypervisor of ${vm}`, operation }, act, {
        lost: (detail): HypervisorError => ({ type: 'Unreachable', operation, detail }),
        refused: (detail): HypervisorError => ({ type: 'Refused', operation, detail }),
      }),
    ofOthers: (caller, to) => (operation, act, lost) =>
      // These ports have no word of their own for a service that does not do it now: the caller knows that it failed.
      call(caller(), { to, operation }, act, { lost, refused: lost }),
    ofPrograms: (caller) => (operation, act, lost) =>
      call(caller(), { to: 'receiver', operation, isLocal: true }, act, { lost, refused: lost }),
  };
}
