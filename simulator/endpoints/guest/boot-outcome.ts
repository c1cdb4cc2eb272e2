import type { InstalledSystem } from './installed-system.ts';
import type { BootedNic } from './linux-network.ts';

/** What a machine does from its power button on. */
export interface Boot {
  /** All it says on its serial console until it is up, or stops. */
  readonly console: string;
  /** How long it takes to get there, in milliseconds, beside what all of this takes on any machine. */
  readonly waitedMs: number;
  readonly outcome: BootOutcome;
}

/** Where a boot leads: to a guest that runs, or to one that waits for a person. */
export type BootOutcome =
  { readonly type: 'up'; readonly booted: BootedSystem } | { readonly type: 'stopped'; readonly at: BootStop };

/** Where a boot can stop. */
export type BootStop = 'firmware' | 'bootLoader' | 'kernel' | 'initramfs' | 'emergencyMode' | 'stopError';

/** A guest that has booted. */
export interface BootedSystem {
  readonly installed: InstalledSystem;
  /** The kernel that runs; of Windows its build. */
  readonly kernel: string;
  /** File systems that are mounted, with the disk each is on. */
  readonly mounts: readonly BootedMount[];
  readonly nics: readonly BootedNic[];
  /** Units that failed before any service was started. */
  readonly failed: readonly string[];
}

/** A file system that is mounted. */
export interface BootedMount {
  readonly mountpoint: string;
  /** The device's name in the guest: `/dev/vda1`. */
  readonly device: string;
  readonly type: string;
  readonly uuid: string;
  /** Index of its disk. */
  readonly disk: number;
}

/** A boot that stops. */
export const stopped = (at: BootStop, console: string, waitedMs = 0): Boot => ({
  console,
  waitedMs,
  outcome: { type: 'stopped', at },
});
