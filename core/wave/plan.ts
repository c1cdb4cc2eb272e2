import type { MigrationId } from '#core/ids';
import type { Instant, Millis } from '#core/units';

/** Tokens by the name of the resource they are of: `host kvm-1`, `link wan`, `gateway`, `datastore ds1`. */
export type Tokens = Readonly<Record<string, number>>;

/**
 * One migration of a wave, and what it has to wait for. All but the first two may be left out, and were in logs that are
 * older than they are.
 */
export interface WaveMember {
  readonly migration: MigrationId;
  /** Those that must have been cut over before it may be. */
  readonly after: readonly MigrationId[];
  /** The highest goes first among those that could go; 0 if left out. */
  readonly priority?: number;
  /** What it is a part of. Means something to the planner where the plan says `together`. */
  readonly application?: string;
  /** Groups of which no two members cut over in one window: the nodes of a cluster. */
  readonly apart?: readonly string[];
  /** What it takes of shared resources while it replicates, and while it cuts over. */
  readonly resources?: { readonly replicating?: Tokens; readonly cuttingOver?: Tokens };
  /** How long its cutover is expected to take. It is not begun so late that it would end after the window. */
  readonly expected?: Millis;
  /**
   * Cutovers that had been started when the wave was drafted. One that was rolled back before the wave may be tried in
   * it; without this, what is rolled back waits for a person.
   */
  readonly cutoversBefore?: number;
}

/** What one wave is to do, fixed when it is drafted. */
export interface WavePlan {
  readonly name: string;
  /** In the order in which they are served when there is a choice, within a priority. */
  readonly members: readonly WaveMember[];
  /** Cutovers start only within it. Half-open: at `closes` it is over. */
  readonly window: { readonly opens: Instant; readonly closes: Instant };
  readonly limits: {
    /**
     * Members that are admitted to replication at once: those on their way to parked. One that was parked and fell
     * back counts, and keeps others out, but is not stopped: that would only make it later.
     */
    readonly replicating: number;
    /** Members that may be cutting over at once. */
    readonly cuttingOver: number;
    /** How much there is of each resource that members name. Replication and cutovers draw on the same tokens. */
    readonly tokens?: Tokens;
  };
  /** Applications whose members cut over together: none begins before all of them could. */
  readonly together?: readonly string[];
  /** What becomes of cutovers that were rolled back while the window is open. Without it they wait for a person. */
  readonly retry?: RetryPolicy;
  /**
   * What the wave needs before any of its members is cut over, beside the approval that a member's own plan asks for.
   * `requiredByAnother`: not by its requester.
   */
  readonly approval?: 'required' | 'requiredByAnother';
  /** What becomes of cutovers that run when the window closes and whose target does not run yet. */
  readonly onWindowClose: 'rollBack' | 'finish';
  readonly requester: string;
}

/** How a cutover that was rolled back is tried again within the window. */
export interface RetryPolicy {
  /** Tries after the first one. */
  readonly times: number;
  /** How long to wait before the second try; twice as long before each one after it. */
  readonly after: Millis;
  /** No further try is begun in this last part of the window. */
  readonly reserve?: Millis;
}
