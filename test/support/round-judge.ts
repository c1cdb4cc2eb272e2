import type { StreamId } from '#core/event-log/event-log';
import type { DiskId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { court } from '#core/laws/judge';
import type { Witness } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationFact, RoundReport } from '#core/migration/facts';
import type { MigrationState } from '#core/migration/evolve';
import { schemaVersion } from '#core/event-log/upcast';
import { bytes, type Instant } from '#core/units';
import { blocksIn, digestsOf, grain } from '#replicator/pipeline/digest';
import { digestStore, pagesInMemory } from '#replicator/pipeline/digest-store';
import type { ReplicationJob, RoundProgress } from '#replicator/pipeline/replication';
import type { SimulatedVolume } from '#simulator/block/files/volume';
import type { Order } from './block-truth.ts';
import { replicas } from './round-site.ts';
import { valueOf } from './value-of.ts';
import type { WalkedSource } from './walked-source.ts';

/** What a judge of rounds looks at: true bytes, and the facts that say something about them. */
export interface RoundJudgeOptions {
  readonly vm: WalkedSource;
  readonly volume: SimulatedVolume;
  readonly order: Order;
  readonly stream: StreamId;
  /** Where the migration stands, folded by whoever keeps the log. */
  readonly state: () => MigrationState;
  /** Hears of the first thing that is wrong. */
  readonly onWrong: (why: string) => void;
}

/** Judges rounds apart from whoever runs them. */
export interface RoundJudge {
  /** A fact has come into the log. */
  took(fact: MigrationFact, at: Instant, actor: string): void;
  /** A round of one disk was asked for. */
  began(job: ReplicationJob): void;
  /** How far it is said to be. */
  heard(job: ReplicationJob, progress: RoundProgress): void;
  /** The receiver's machine lost its power: what is there now is all there is. */
  crashed(): void;
  /** Something happened after which tracking may be lost. */
  mayLose(): void;
  /** Something of what was sent was not what arrived: trouble of any kind may come of it. */
  damaged(): void;
  /** Whoever carries it out is gone, for as long as it takes somebody to notice. */
  managerDied(): void;
  /** The disks of the source are others than those planned, or those again. */
  disksDiffer(differ: boolean): void;
  /** Nothing happens any more. */
  end(isOver: boolean): void;
}

interface Claim {
  readonly round: number;
  readonly mode: ReplicationJob['mode'];
  progress: RoundProgress | undefined;
}

// Nobody but us can be the cause of these.
const ownFault = new Set([
  ...['JournalCorrupt', 'JournalUnsupported', 'ProtocolViolation', 'TargetMissing', 'TargetForeign', 'TargetExists'],
  ...['RoundOutOfOrder', 'RootMismatch', 'Unauthorized', 'SameDisk', 'TargetNameRefused', 'ChangesUnknown'],
]);

const newLines: ReadonlySet<MigrationFact['type']> = new Set([
  ...(['TrackingLost', 'RescanRequested', 'FinalSyncFailed', 'RoundCompleted', 'FinalSyncCompleted'] as const),
]);

/** A judge who has seen nothing yet. */
export function roundJudge(options: RoundJudgeOptions): RoundJudge {
  return new Judge(options);
}

class Judge implements RoundJudge {
  readonly #options: RoundJudgeOptions;
  readonly #court: ReturnType<typeof court>;
  /** The round of each disk that was asked for last. */
  readonly #claims = new Map<DiskId, Claim>();
  readonly #losses: number[] = [];
  #complete: number | undefined;
  /** How far the round that runs was said to be, whoever said it. */
  #said: Pick<RoundProgress, 'done'> & { readonly round: number } = { round: -1, done: bytes(0) };
  #revision = 0;
  #atRest: ReadonlyMap<DiskId, string> | undefined;
  #quiescedAt = Infinity;
  #runsSince: number | undefined = 0;
  #differsSince: number | undefined;
  #hasDamage = false;
  /** Whoever carries it out died since a round was completed. */
  #wasAway = false;

  constructor(options: RoundJudgeOptions) {
    this.#options = options;
    this.#court = court(laws, { witness: this.#witness(), state: options.state });
    const { vm, order } = options;
    vm.source.machine.onPower((power) => {
      if (power !== 'running') this.#runsSince = undefined;
      else this.#runsSince ??= order.next();
    });
  }

  took(fact: MigrationFact, at: Instant, actor: string): void {
    this.#judge(fact);
    const { stream } = this.#options;
    const entry = { stream, revision: this.#revision, fact, at, actor, schemaVersion };
    this.#revision += 1;
    const [breach] = this.#court.take(entry);
    // The log does not tell who started a source that was found off; here it is known.
    if (breach?.law === 'L3' && (this.#runsSince ?? -1) > this.#quiescedAt) return;
    // Nor that nobody was there who could have been on time.
    if (breach?.law === 'L13' && fact.type === 'DeadlinePassed' && this.#wasAway) return;
    if (breach) this.#options.onWrong(`${breach.law} ${breach.why}`);
  }

  began({ disk, round, mode }: ReplicationJob): void {
    const { state, vm } = this.#options;
    const isFinal = axesOf(state()).lifecycle === 'cuttingOver.finalSync';
    if (isFinal && (this.#runsSince ?? Infinity) < vm.asked.inspected)
      this.#wrong('L5 the final sync reads from a source that runs');
    const before = this.#claims.get(disk);
    if (before?.round === round && before.mode === mode) return;
    this.#claims.set(disk, { round, mode, progress: undefined });
  }

  heard({ disk, round, mode }: ReplicationJob, progress: RoundProgress): void {
    const claim = this.#claims.get(disk);
    if (claim?.round !== round || claim.mode !== mode) return;
    const isFurther = progress.done > (claim.progress?.done ?? -1);
    if (!isFurther) return;
    claim.progress = progress;
    this.#proveProgress(disk, claim, 'and has not got there');
  }

  crashed(): void {
    for (const [disk, claim] of this.#claims) {
      // A round under way may have torn what it was writing; what was said to be there is there.
      if (claim.round !== this.#complete) this.#proveProgress(disk, claim, 'and is lost with the power');
      else this.#proveFresh(disk, claim.round, 'is lost with the power of its machine');
    }
  }

  mayLose(): void {
    this.#losses.push(this.#options.order.next());
  }

  damaged(): void {
    this.#hasDamage = true;
  }

  managerDied(): void {
    this.#wasAway = true;
  }

  disksDiffer(differ: boolean): void {
    this.#differsSince = differ ? (this.#differsSince ?? this.#options.order.next()) : undefined;
  }

  end(isOver: boolean): void {
    const [breach] = this.#court.end(isOver);
    if (breach) this.#options.onWrong(`${breach.law} ${breach.why}`);
  }

  #wrong(why: string): void {
    this.#options.onWrong(why);
  }

  /** What is shown of a round never goes back, however often it is interrupted: only another line of rounds begins anew. */
  #judgeSaid(fact: MigrationFact): void {
    if (fact.type === 'RoundProgressed') {
      const { round, done } = fact.data;
      if (this.#said.round === round && done < this.#said.done)
        this.#wrong(`L17 round ${round} was said to have done ${this.#said.done} bytes, and then ${done}`);
      this.#said = { round, done };
    } else if (newLines.has(fact.type) && !(fact.type === 'FinalSyncFailed' && !fact.data.trackingLost))
      this.#said = { round: -1, done: bytes(0) };
  }

  #judge(fact: MigrationFact): void {
    this.#judgeSaid(fact);
    switch (fact.type) {
      case 'SourceQuiesced':
        this.#atRest = this.#options.vm.source.witness.rootsNow();
        this.#quiescedAt = this.#options.order.next();
        return;
      case 'RoundCompleted':
        this.#wasAway = false;
        return this.#judgeRound(fact.data);
      case 'FinalSyncCompleted':
        return this.#judgeRound(fact.data);
      case 'TrackingLost':
        if (!this.#mayHaveLost()) this.#wrong(`L6 nothing was lost, and it says: ${fact.data.detail}`);
        return;
      case 'FinalSyncFailed':
        if (fact.data.trackingLost && !this.#mayHaveLost())
          this.#wrong(`L6 nothing was lost, and it says: ${fact.data.reason.detail}`);
        return;
      case 'ReplicationStalled':
        return this.#judgeStall(fact.data.reason);
      default:
    }
  }

  #judgeStall({ type, detail }: { readonly type: string; readonly detail: string }): void {
    if (ownFault.has(type) && !this.#hasDamage) this.#wrong(`it brought itself to a stand: ${type}: ${detail}`);
    const { asked } = this.#options.vm;
    if (type === 'SizeMismatch' && (this.#differsSince ?? Infinity) > asked.inspected) return;
    if (type === 'SizeMismatch') this.#wrong(`L7 a disk of another size was not noticed: ${detail}`);
  }

  /** Whether anything happened since its marks were begun that may have ended them. */
  #mayHaveLost(): boolean {
    const { marks } = this.#options.vm.asked;
    const [last, before] = [...marks.keys()].toSorted((one, other) => other - one);
    const since = marks.get(before ?? last ?? 0)?.asked ?? 0;
    return this.#hasDamage || this.#losses.some((at) => at >= since);
  }

  #judgeRound(report: RoundReport): void {
    const { vm, order } = this.#options;
    const { asked } = vm;
    const numbers = new Set([...this.#claims.values()].map(({ round }) => round));
    const [number = 0] = numbers;
    if (numbers.size !== 1) return this.#wrong(`round ${report.round} is of rounds ${[...numbers].join(' and ')}`);
    this.#complete = number;
    const mark = asked.marks.get(number);
    const lost = this.#losses.find((at) => at > (mark?.there ?? Infinity) && at < (asked.changes.get(number) ?? 0));
    if (lost !== undefined && vm.disks.some(({ isTracked }) => isTracked) && !this.#stillHas(number))
      this.#wrong(`L6 round ${report.round} is complete, and its mark was lost while it ran`);
    if ((this.#differsSince ?? Infinity) < asked.inspected)
      this.#wrong(`L7 round ${report.round} is complete, and the disks are others than those planned`);
    if (report.kind === 'final' && (this.#runsSince ?? Infinity) < asked.inspected)
      this.#wrong('L5 the final sync is complete, and the source runs');
    const sum = (of: (disk: RoundReport['disks'][number]) => number): number =>
      report.disks.reduce((total, disk) => total + of(disk), 0);
    for (const name of ['sent', 'zeroed', 'dirty'] as const)
      if (sum((disk) => disk[name] ?? 0) !== report[name]) this.#wrong(`the ${name} of its disks is not that of all`);
    for (const { disk, root, dirty = 0 } of report.disks) {
      this.#proveFresh(disk, number, `is not what round ${report.round} says it is`);
      if (!this.#hasGrown(disk) && root !== this.#rootOf(disk))
        this.#wrong(`L5 ${disk} has another root than round ${report.round} says`);
      if (!vm.disks.some(({ id, isTracked }) => id === disk && isTracked)) continue;
      const size = this.#contentOf(disk).length;
      const surely = vm.truth.written(disk, mark?.there ?? Infinity, asked.changes.get(number) ?? 0);
      const least = [...surely].reduce((sum, block) => sum + Math.min(grain, size - block * grain), 0);
      // The last block may be counted whole although its disk ends within it.
      const most = Math.min(size, vm.truth.written(disk, mark?.asked ?? 0, order.next()).size * grain);
      if (dirty < least || dirty > most)
        this.#wrong(`${dirty} bytes of ${disk} are dirty, it says, and not ${least} to ${most}`);
    }
  }

  /** Whether a round that looked at it before may be of more than was planned: the next one notices. */
  #hasGrown(disk: DiskId): boolean {
    const { disks, source } = this.#options.vm;
    const now = source.machine.disks.find(({ id }) => id === disk);
    return now !== undefined && now.size !== disks.find(({ id }) => id === disk)?.size;
  }

  /** Whether the mark of a round survived all the same what might have ended it. */
  #stillHas(number: number): boolean {
    const name = new RegExp(`-${number}(-|$)`);
    const { witness } = this.#options.vm.source;
    return witness.traces().some((trace) => name.test(trace));
  }

  #contentOf(disk: DiskId): Uint8Array {
    const { volume, vm } = this.#options;
    const size = vm.disks.find(({ id }) => id === disk)?.size ?? 0;
    return volume.part(pathOf(disk), 0, size) ?? new Uint8Array(size);
  }

  /** Blocks of a replica that are none the source had since the mark of a round was begun. */
  #staleOf(disk: DiskId, round: number): readonly number[] {
    const { vm } = this.#options;
    const since = vm.asked.marks.get(round)?.asked ?? 0;
    const content = this.#contentOf(disk);
    return Array.from({ length: blocksIn(content.length) }, (_, block) => block).filter((block) => {
      const part = content.subarray(block * grain, Math.min(content.length, (block + 1) * grain));
      return !vm.truth.held(disk, block, vm.truth.digest(part), since);
    });
  }

  #proveFresh(disk: DiskId, round: number, but: string): void {
    const [stale] = this.#staleOf(disk, round);
    if (stale !== undefined) this.#wrong(`L5 block ${stale} of ${disk} ${but}`);
  }

  #proveProgress(disk: DiskId, { round, progress }: Claim, but: string): void {
    if (!progress) return;
    const size = this.#contentOf(disk).length;
    const missing = this.#staleOf(disk, round).reduce((sum, block) => sum + Math.min(grain, size - block * grain), 0);
    if (progress.done + missing > progress.total)
      this.#wrong(
        `L17 ${progress.done} of ${progress.total} bytes of ${disk} are done, it says, ${missing} are missing ${but}`,
      );
  }

  #rootOf(disk: DiskId): string {
    const content = this.#contentOf(disk);
    const digests = digestStore(content.length, pagesInMemory());
    valueOf(digests.put(0, digestsOf(content, this.#options.vm.truth.digest)));
    return valueOf(digests.root());
  }

  #witness(): Witness {
    const { vm } = this.#options;
    const { witness } = vm.source;
    return {
      sourceRoots: () => this.#atRest,
      replicaRoots: () => new Map(vm.disks.map(({ id }) => [id, this.#rootOf(id)])),
      disksNow: () => undefined,
      trackingLostAt: () => undefined,
      leftovers: () => witness.leftovers(owner),
      foreignTouched: () => witness.foreignTouched(),
    };
  }
}

/** The migration of a walk. */
export const owner = 'walk';

const pathOf = (disk: DiskId): string => `${replicas}/${owner}-${disk}.raw`;
