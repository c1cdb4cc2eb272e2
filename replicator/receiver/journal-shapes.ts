import { digestAlgorithms, grain, type DigestAlgorithm } from '#replicator/pipeline/digest';

/*
 * The parts of a journal that are told in JSON. Every copy starts with a journal, so nothing is loaded for reading it: a
 * library for shapes would be a third of the start of a process that copies one disk.
 */

/** The format this code writes, and the newest it reads. */
export const journalFormat = 1;

/** Whose replica it is. The first record. `size` and `grain` in bytes. */
export interface JournalHeader {
  readonly format: typeof journalFormat;
  readonly session: string;
  readonly disk: string;
  readonly size: number;
  readonly grain: typeof grain;
  readonly digest: DigestAlgorithm;
}

/** A round that was begun, and when, in milliseconds since 1970. */
export interface OpenedRound {
  readonly round: number;
  readonly mode: 'full' | 'changes' | 'rescan';
  readonly at: number;
}

/** A round that is complete. */
export interface ClosedRound {
  readonly round: number;
  readonly root: string;
}

/** Reads one part; undefined if it is not JSON, or not of this shape. What it has besides is left out. */
export type ReadShape<T> = (content: Buffer) => T | undefined;

/** Reads a header. */
export const readHeader: ReadShape<JournalHeader> = (content) => {
  const { format, session, disk, size, grain: cut, digest } = objectIn(content);
  const algorithm = digestAlgorithms.find((known) => known === digest);
  if (format !== journalFormat || !isName(session) || !isName(disk) || !isCount(size)) return undefined;
  if (cut !== grain || algorithm === undefined) return undefined;
  return { format, session, disk, size, grain, digest: algorithm };
};

/** Reads the beginning of a round. */
export const readOpened: ReadShape<OpenedRound> = (content) => {
  const { round, mode, at } = objectIn(content);
  if (!isCount(round) || (mode !== 'full' && mode !== 'changes' && mode !== 'rescan')) return undefined;
  return Number.isSafeInteger(at) ? { round, mode, at: at as number } : undefined;
};

/** Reads the end of a round. */
export const readClosed: ReadShape<ClosedRound> = (content) => {
  const { round, root } = objectIn(content);
  return isCount(round) && typeof root === 'string' ? { round, root } : undefined;
};

/** The number of the format of a header, whatever else is in it. */
export const readFormat: ReadShape<number> = (content) => {
  const { format } = objectIn(content);
  return Number.isSafeInteger(format) ? (format as number) : undefined;
};

function objectIn(content: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(content.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // What is not JSON has none of the parts that are asked for.
    return {};
  }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
