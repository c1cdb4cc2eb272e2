import type { Clock } from '#core/clock';
import { diskId, type DiskId } from '#core/ids';
import type {
  ChangeMark,
  HypervisorError,
  PowerState,
  SourceDisk,
  SourceHypervisor,
} from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { bytes, KiB, millis } from '#core/units';

/**
 * A VM that fits on a page: disks of a few blocks, each holding one number, and a hypervisor that keeps every promise of
 * the port, and breaks down when a test says so. It stands for a real one where hundreds of lives have to be tried.
 */
export interface SmallSource {
  /** What the guest does now. */
  power: PowerState;
  /** Blocks as the guest sees them. */
  readonly disks: Map<DiskId, number[]>;
  /** Disks whose writes cannot be tracked: no mark has them. */
  readonly untracked: Set<DiskId>;
  /** Marks by `owner/number`. */
  readonly marks: Map<string, SmallMark>;
  /** Exports by their URI. */
  readonly exports: Set<string>;
  /** Grows with every restart and every cut; connections from before it are lost. */
  readonly epoch: number;
  /** The guest writes a block, if it runs. */
  write(disk: DiskId, block: number, value: number): void;
  /** QEMU ends and is started again: marks, exports and connections are gone, and the guest runs. */
  restart(): void;
  /** Every connection to it breaks. What was asked may or may not have been carried out; nothing else changes. */
  cut(): void;
  /** A connection to its hypervisor. `step` is called before and after each thing that is done. */
  connect: (step?: Step) => SourceHypervisor;
  /** The next call of an operation comes to nothing: not carried out, or carried out and its answer lost. */
  breakNext(operation: Operation, how: Breakage): void;
}

/** One thing that happens outside, as a place where something may go wrong. Never resolves once its process is dead. */
export type Step = (name: string) => Promise<void>;
/** The calls of a hypervisor. */
export type Operation = Exclude<keyof SourceHypervisor, 'close'>;
/** How a call goes wrong. */
export type Breakage = 'lostBefore' | 'lostAfter' | HypervisorError;

/** What a mark recorded, by disk. */
export interface SmallMark {
  readonly owner: string;
  readonly number: number;
  frozen: boolean;
  readonly dirty: Map<DiskId, Set<number>>;
}

/** Bytes that a block of one number stands for. */
export const blockLength = 64 * KiB;

/** A source of the given disks (blocks each), whose guest runs. Every call takes a millisecond. */
export function smallSource(clock: Clock, sizes: Readonly<Record<string, number>>): SmallSource {
  const disks = new Map(
    Object.entries(sizes).map(([id, blocks]) => [diskId(id), Array.from({ length: blocks }, () => 0)]),
  );
  const broken = new Map<Operation, Breakage>();
  let epoch = 0;
  const source: SmallSource = {
    power: 'running',
    disks,
    untracked: new Set(),
    marks: new Map(),
    exports: new Set(),
    get epoch() {
      return epoch;
    },
    write(disk, block, value) {
      if (source.power !== 'running') return;
      const content = disks.get(disk);
      if (!content || block >= content.length) throw new RangeError(`no block ${block} on disk ${disk}`);
      content[block] = value;
      for (const mark of source.marks.values()) if (!mark.frozen) mark.dirty.get(disk)?.add(block);
    },
    restart() {
      epoch += 1;
      source.marks.clear();
      source.exports.clear();
      source.power = 'running';
    },
    cut: () => void (epoch += 1),
    breakNext: (operation, how) => void broken.set(operation, how),
    connect: (step = () => Promise.resolve()) => connection(source, { clock, step, broken }),
  };
  return source;
}

interface Line {
  readonly clock: Clock;
  readonly step: Step;
  readonly broken: Map<Operation, Breakage>;
}

function connection(source: SmallSource, { clock, step, broken }: Line): SourceHypervisor {
  const lost = (operation: string) => err<HypervisorError>({ type: 'Unreachable', operation, detail: 'cut' });
  let closed = false;
  const call = async <T>(
    operation: Operation,
    act: () => Result<T, HypervisorError>,
  ): Promise<Result<T, HypervisorError>> => {
    if (closed) return lost(operation);
    const { epoch } = source;
    await clock.wait(millis(1));
    await step(`${operation} asked`);
    const breakage = broken.get(operation);
    broken.delete(operation);
    if (breakage === 'lostBefore' || source.epoch !== epoch) return lost(operation);
    if (breakage && breakage !== 'lostAfter') return err(breakage);
    const answer = act();
    await step(`${operation} done`);
    return breakage === 'lostAfter' || source.epoch !== epoch ? lost(operation) : answer;
  };
  const marks = markKeeping(source);
  return {
    inspect: () =>
      call('inspect', () =>
        ok({ name: 'small', power: source.power, disks: disksOf(source), hypervisor: 'Small 1.0' }),
      ),
    beginMark: (mark) => call('beginMark', () => marks.begin(mark)),
    advanceMark: (from, to) => call('advanceMark', () => marks.advance(from, to)),
    changes: (mark) => call('changes', () => marks.changes(mark)),
    dropMark: (mark) => call('dropMark', () => marks.drop(({ owner, number }) => isSame({ owner, number }, mark))),
    openDisk: (disk, since) => call('openDisk', () => openDisk(source, disk, since)),
    closeDisks: () =>
      call('closeDisks', () => {
        source.exports.clear();
        return ok(undefined);
      }),
    pause: () => call('pause', () => stop(source)),
    resume: () => call('resume', () => go(source)),
    release: (owner) =>
      call('release', () => {
        source.exports.clear();
        return marks.drop((mark) => mark.owner === owner);
      }),
    close: async () => {
      closed = true;
    },
  };
}

const disksOf = ({ disks, untracked }: SmallSource): readonly SourceDisk[] =>
  [...disks].map(([id, blocks]) => ({
    id,
    size: bytes(blocks.length * blockLength),
    tracking: untracked.has(id) ? { possible: false, why: 'it is small' } : { possible: true },
  }));

function stop(source: SmallSource): Result<void, HypervisorError> {
  if (source.power === 'running') source.power = 'paused';
  return ok(undefined);
}

function go(source: SmallSource): Result<void, HypervisorError> {
  if (source.power !== 'running' && source.power !== 'paused')
    return err({ type: 'Refused', operation: 'resume', detail: `the guest is ${source.power}` });
  source.power = 'running';
  return ok(undefined);
}

function openDisk(source: SmallSource, disk: DiskId, since: ChangeMark | undefined) {
  if (!source.disks.has(disk)) return err<HypervisorError>({ type: 'DiskNotFound', disk });
  const uri = `small:///${disk}/${since ? keyOf(since) : ''}`;
  const mark = since && source.marks.get(keyOf(since));
  if (since && !mark) return trackingLost(disk);
  if (mark && !mark.frozen)
    return err<HypervisorError>({ type: 'Refused', operation: 'openDisk', detail: 'the mark still records' });
  source.exports.add(uri);
  return ok({ type: 'nbd' as const, uri, ...(since && { changesContext: keyOf(since) }) });
}

/** The disk and the mark behind a URI, while it is exported. */
export function exported(
  source: SmallSource,
  uri: string,
): { readonly blocks: readonly number[]; readonly dirty: ReadonlySet<number> | undefined } | undefined {
  const [disk = '', ...key] = uri.replace('small:///', '').split('/');
  const blocks = source.disks.get(disk as DiskId);
  if (!blocks || !source.exports.has(uri)) return undefined;
  return { blocks, dirty: source.marks.get(key.join('/'))?.dirty.get(disk as DiskId) };
}

const keyOf = ({ owner, number }: ChangeMark): string => `${owner}/${number}`;
const isSame = (one: ChangeMark, other: ChangeMark): boolean => keyOf(one) === keyOf(other);
const trackingLost = (disk: DiskId) =>
  err<HypervisorError>({ type: 'TrackingLost', disk, detail: 'the mark is not there' });

function markKeeping(source: SmallSource) {
  const { marks, disks } = source;
  const [anyDisk] = disks.keys();
  const lost = () => trackingLost(anyDisk ?? diskId('none'));
  const add = (mark: ChangeMark): void => {
    const tracked = [...disks.keys()].filter((id) => !source.untracked.has(id));
    const dirty = new Map(tracked.map((id) => [id, new Set<number>()]));
    marks.set(keyOf(mark), { ...mark, frozen: false, dirty });
  };
  return {
    begin: (mark: ChangeMark): Result<void, HypervisorError> => {
      const there = marks.get(keyOf(mark));
      if (there?.frozen) return err({ type: 'Refused', operation: 'beginMark', detail: 'it was frozen already' });
      if (!there) add(mark);
      return ok(undefined);
    },
    advance: (from: ChangeMark, to: ChangeMark): Result<void, HypervisorError> => {
      const old = marks.get(keyOf(from));
      const next = marks.get(keyOf(to));
      if (!old || next?.frozen || (old.frozen && !next)) return lost();
      if (!next) add(to);
      old.frozen = true;
      return ok(undefined);
    },
    changes: (mark: ChangeMark) => {
      const there = marks.get(keyOf(mark));
      if (!there) return lost();
      return ok([...there.dirty].map(([disk, blocks]) => ({ disk, dirty: bytes(blocks.size * blockLength) })));
    },
    drop: (isChosen: (mark: ChangeMark) => boolean): Result<void, HypervisorError> => {
      for (const [key, mark] of marks) {
        if (!isChosen(mark)) continue;
        // As QEMU does not let go of a bitmap that is being read.
        if ([...source.exports].some((uri) => uri.endsWith(`/${key}`)))
          return err({ type: 'Refused', operation: 'dropMark', detail: `mark ${key} is being read` });
        marks.delete(key);
      }
      return ok(undefined);
    },
  };
}
