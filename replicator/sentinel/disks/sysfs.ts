/** The kernel's own view of its devices, read and never written. What is not there reads as undefined or empty. */
export interface Sysfs {
  /** Content without surrounding space. */
  text(path: string): Promise<string | undefined>;
  /** A natural number, or undefined for anything else. */
  number(path: string): Promise<number | undefined>;
  /** Names in a folder, in order. */
  list(path: string): Promise<readonly string[]>;
  /** What a symbolic link says. */
  link(path: string): Promise<string | undefined>;
  /** The number of a folder's inode: another one means that the device was exchanged. */
  inode(path: string): Promise<number | undefined>;
}
