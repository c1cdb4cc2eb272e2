/*
 * The files of one machine, as far as replicas and what belongs to them need any.
 *
 * Shaped after the system calls, so that the way to the real ones costs nothing: `read` and `write` take callbacks, since
 * promises of file handles cost a third of the throughput at 256 KiB per call. What fails, fails with the system's code.
 *
 * What a crash of the machine leaves is what POSIX promises and no more. Bytes are durable once `datasync` or `sync`
 * returned; a name, and that a name is gone, once its directory was synced. Anything else may be there, or not, or in part.
 */

/** Why a call failed. `code` is the system's (`ENOENT`, `ENOSPC`...), the message its own words. */
export interface SystemError extends Error {
  code?: string | undefined;
}

/** Called with what went wrong, or with null. */
export type Done = (cause: SystemError | null) => void;
/** Called with what went wrong, or with null and how many bytes it was. */
export type DoneSome = (cause: SystemError | null, count: number) => void;

/**
 * How a file is opened. `read` and `update` (read and write) want it to be there: `ENOENT`. `create` makes it, to read and
 * write, where its name is free: `EEXIST`. `replace` makes it or empties it, to write.
 */
export type OpenWay = 'read' | 'update' | 'create' | 'replace';

/** A file that is open. Calls may overlap; those on the same bytes at the same time have no order. */
export interface OpenFile {
  /** Fills `into` from index `start` on with what is at `at`: at least one byte, or none at the end of the file. */
  read(into: Uint8Array, start: number, at: number, done: DoneSome): void;
  /** Writes the parts one behind the other at `at`: at least one byte, perhaps not all. The parts are the file's until then. */
  write(parts: readonly Uint8Array[], at: number, done: DoneSome): void;
  /** Cuts the file, or grows it by a hole. */
  truncate(length: number): Promise<void>;
  /**
   * Resolves once what was written before is on stable storage, with what is needed to read it again. After it rejected
   * nobody knows what of it is, and a later success does not tell.
   */
  datasync(): Promise<void>;
  /** `datasync`, and what is known about the file besides. */
  sync(): Promise<void>;
  /** Makes nothing durable. */
  close(): Promise<void>;
}

/** A file whose calls return when they are done, and throw a `SystemError`. For small pieces, where waiting would cost more. */
export interface BlockingFile {
  /** Fills `into` from index `start` on. Returns the count of bytes, 0 at the end of the file. */
  read(into: Uint8Array, start: number, at: number): number;
  /** Writes `from` from index `start` on. Returns the count of bytes written, which may be fewer. */
  write(from: Uint8Array, start: number, at: number): number;
  truncate(length: number): void;
  datasync(): void;
  close(): void;
}

/** What the system knows of a name. */
export interface FileStat {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Bytes. */
  readonly size: number;
  /** Bytes that are not holes, as far as the file system says: some say 0 for a file that has content. */
  readonly allocated: number;
  /** Identity on this machine: two names with the same one are the same file. */
  readonly identity: string;
  /** Milliseconds since 1970 at which the content last changed. */
  readonly modifiedMs: number;
}

/** Who uses the files: the processes of this machine, this one among them. */
export interface Processes {
  /** Name of the machine. */
  readonly host: string;
  /** This process. */
  readonly pid: number;
  /** When a process started, in digits, since its id alone is used again. Undefined if there is none; '0' if nobody knows. */
  startOf(pid: number): string | undefined;
  /** A number that nobody in this process was given before. */
  serial(): number;
}

/** The files of one machine, as one process of it sees them. What is not said to return a value rejects with a `SystemError`. */
export interface Files {
  /** Opens a file; the mode is for one that is made, and is 0600 unless told otherwise. Follows links. */
  open(path: string, way: OpenWay, mode?: number): Promise<OpenFile>;
  /** Opens a file to read and write, making it if it is not there. Throws a `SystemError`. */
  openBlocking(path: string): BlockingFile;
  /** All of a file. */
  readFile(path: string): Promise<Uint8Array>;
  stat(path: string): Promise<FileStat>;
  /** Of a link itself, where the last name is one. */
  lstat(path: string): Promise<FileStat>;
  /** The path without links and dots. It must exist. */
  realpath(path: string): Promise<string>;
  /** The names in a directory, in no order. */
  readdir(path: string): Promise<readonly string[]>;
  /** Makes a directory and those on the way to it, unless they are there. */
  mkdir(path: string): Promise<void>;
  /** Gives a file another name, taking it from whatever has it; nobody sees neither or both. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file one more name: `EEXIST` if it is taken. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Resolves once the names made and removed in a directory stay so. */
  syncDirectory(path: string): Promise<void>;
  readonly processes: Processes;
}
