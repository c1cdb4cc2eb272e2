import type { VsphereFault } from './fault.ts';

/** Room for files of VMs. */
export interface Datastore {
  readonly name: string;
  readonly capacity: number;
  freeSpace(): number;
  /** Takes room for a file, or more of it; a fault if there is none. */
  take(file: string, length: number): VsphereFault | undefined;
  /** Gives the room of a file back. */
  giveBack(file: string): void;
}

/**
 * A datastore of so many bytes.
 * @source vSphere Web Services API 8.0 U3, NoDiskSpace: a file cannot be made or cannot grow.
 */
export function datastore(name: string, capacity: number): Datastore {
  const files = new Map<string, number>();
  const freeSpace = (): number => capacity - [...files.values()].reduce((sum, length) => sum + length, 0);
  return {
    ...{ name, capacity, freeSpace },
    take: (file, length) => {
      if (length - (files.get(file) ?? 0) > freeSpace()) return { type: 'NoDiskSpace', datastore: name };
      files.set(file, length);
      return undefined;
    },
    giveBack: (file) => void files.delete(file),
  };
}
