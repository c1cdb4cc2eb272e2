import type { Bytes, Round } from '#core/units';
import type { Few } from '#core/driver/few';
import type { Outcome } from '#core/driver/world';
import type { SourcePlatform } from '#core/migration/plan';
import type { MigrationFact } from '#core/migration/facts';
import type { EstateVm } from '#simulator/estate/estate';
import type { DiskChange } from '#simulator/faults/spell';
import type { Assumptions } from './assumptions.ts';
import type { WriteLedger } from './write-ledger.ts';

/**
 * Where the parts of one VM's migration stand in the world. It outlives drivers: a world does not forget. A fleet has thousands
 * of these: what happens to few of them is made where it happens.
 */
export interface Machine {
  /** As it is now: it may have moved to another host. */
  vm: EstateVm;
  readonly platform: SourcePlatform;
  /** How the world around it behaves. */
  readonly assumptions: Assumptions;
  readonly writes: WriteLedger;
  source: { readonly power: 'running' | 'off'; readonly connected: boolean };
  tracking: 'none' | 'on' | 'lost';
  /** How many things keep its host down; with any, nothing can be asked of the source. */
  hostsDown: number;
  /** What somebody did to its disks since they were planned. */
  diskChanges: Set<DiskChange> | undefined;
  target: { readonly power: 'none' | 'running'; readonly connected: boolean };
  clone: 'none' | 'running';
  replica: { readonly made: boolean; readonly fixedUp: boolean };
  /** The round that was last begun. */
  round: RoundState | undefined;
  /** The first round after a mark was begun is behind us: replica and source differ by what is dirty. */
  complete: boolean;
  /** What side effects that were carried out came to, by their keys. */
  readonly done: Map<string, readonly MigrationFact[]>;
  /** What is being done just now, by its key: those who wait for it beside the one who asked first. */
  readonly underway: Few<Underway>;
  /** Keys of which the world cannot tell whether it carried them out. */
  untold: Set<string> | undefined;
  /** How often each kind of work was tried. */
  readonly tries: Map<string, number>;
}

/** Something that is being done, and who waits for it: mostly nobody beside the one who asked. */
export interface Underway {
  waiting: Set<(outcome: Outcome<MigrationFact>) => void> | undefined;
}

/** One round, kept over its interruptions. */
export interface RoundState {
  readonly round: Round;
  readonly kind: 'full' | 'delta' | 'rescan' | 'final';
  readonly planned: Bytes;
  /** Of `planned`, what differs at the target and has to be sent or made zero. */
  readonly differing: Bytes;
  /** Of `differing`, what is durable at the target. */
  durable: Bytes;
  /** How far it was said to be. */
  reached: Bytes;
  sentBefore: Bytes;
  /** Set once everything has crossed. */
  closed: boolean;
}

/** How a person, or a test, sees one VM's parts. */
export interface MachineView {
  readonly source: Machine['source'];
  readonly target: Machine['target'];
  readonly clone: Machine['clone'];
  readonly tracking: Machine['tracking'];
}
