import type { Clock } from '#core/clock';
import {
  invalidMark,
  type ChangeMark,
  type HypervisorError,
  type SourceHypervisor,
} from '#core/ports/source-hypervisor';
import { err, type Result } from '#core/result';
import { oneAtATime } from '#replicator/one-at-a-time';

/** One request to a management interface: whether and when `act` runs, and whether its answer comes back. */
export type Call = <T>(operation: string, act: () => Result<T, HypervisorError>) => Promise<Result<T, HypervisorError>>;

/** A request that always arrives, at once, and whose answer is never lost. */
export const straightCall: Call = async (_, act) => act();

/** How to make an adapter to a port of one source VM. */
export interface ConnectorOptions {
  /** Whose migration this is: the migration id. */
  readonly owner: string;
  /** The time that jobs and tasks are waited for in. */
  readonly clock: Clock;
  /** Default: `straightCall`. */
  readonly call?: Call;
}

/** What every call of an adapter comes to. */
export type Outcome<T> = Promise<Result<T, HypervisorError>>;

/**
 * What connectors of all vendors have in common: marks are checked before anybody is asked, and calls are carried out
 * one after the other, because each looks at the world before it changes it.
 */
export function sourceConnector(vendor: Omit<SourceHypervisor, 'close'>): SourceHypervisor {
  const { alone: inTurn } = oneAtATime();
  const marked = (operation: string, marks: readonly ChangeMark[], act: () => Outcome<void>): Outcome<void> =>
    inTurn(async () => {
      const invalid = marks.map((mark) => invalidMark(operation, mark)).find((error) => error !== undefined);
      return invalid === undefined ? await act() : err(invalid);
    });
  return {
    inspect: () => inTurn(() => vendor.inspect()),
    beginMark: (mark) => marked('beginMark', [mark], () => vendor.beginMark(mark)),
    advanceMark: (from, to) =>
      marked('advanceMark', [from, to], async () => {
        if (from.owner === to.owner && to.number > from.number) return await vendor.advanceMark(from, to);
        return refused('advanceMark', `mark ${to.number} does not come after mark ${from.number} of the same owner`);
      }),
    changes: (mark) => inTurn(() => vendor.changes(mark)),
    dropMark: (mark) => inTurn(() => vendor.dropMark(mark)),
    openDisk: (disk, since) => inTurn(() => vendor.openDisk(disk, since)),
    closeDisks: () => inTurn(() => vendor.closeDisks()),
    pause: () => inTurn(() => vendor.pause()),
    resume: () => inTurn(() => vendor.resume()),
    release: (owner) => inTurn(() => vendor.release(owner)),
    close: async () => undefined,
  };
}

/** The hypervisor answered no. */
export const refused = (operation: string, detail: string): Result<never, HypervisorError> =>
  err({ type: 'Refused', operation, detail });

/** The hypervisor could not be asked. */
export const unreachable = (operation: string, detail: string): Result<never, HypervisorError> =>
  err({ type: 'Unreachable', operation, detail });

/** Why a mark that records is not to be read. */
export const stillRecords = (mark: ChangeMark): Result<never, HypervisorError> =>
  refused('openDisk', `mark ${mark.number} still records; advance to the next one and read this one after`);
