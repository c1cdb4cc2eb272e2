import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { listDisks, type DiskChoice } from '#replicator/sentinel/disks/guest-disks';
import { sysfsAt } from '#replicator/sentinel/disks/node-sysfs';
import { findTracing, type RunProgram } from './find-tracing.ts';
import type { KernelTracing } from './kernel-ring.ts';
import { openTracefsRing } from './tracefs-ring.ts';
import { trackerOver, type Tracker } from './tracker.ts';

/** How to track the guest this process runs in. */
export interface LiveTrackerOptions {
  readonly run: RunProgram;
  readonly clock: Clock;
  /** Names our instance of tracing: letters, digits, dashes. The same after a restart, so that leftovers are found. */
  readonly id: string;
  readonly sysfs?: string;
  readonly choice?: DiskChoice;
  /** Where tracefs is looked for, if not in the usual places. */
  readonly tracingPlaces?: readonly string[];
  /** Where tracefs is mounted if it is nowhere. */
  readonly mountPoint?: string;
  /** The kernel's memory for records, for each CPU. */
  readonly bufferKiB?: number;
  /** Milliseconds between two looks into the buffers, at most. */
  readonly lookEveryMs?: number;
}

// Room for some 75,000 requests on one CPU. Looked at four times a second it takes 300,000 a second to fill it.
const bufferKiBDefault = 4_096;
const bufferKiBLeast = 16;
const mountPointDefault = '/run/sealift-tracing';

/** Looks for what tracking needs; records nothing yet. */
export async function openTracker(options: LiveTrackerOptions): Promise<Tracker> {
  const { sysfs = '/sys', choice, clock, lookEveryMs } = options;
  const kernel = sysfsAt(sysfs);
  return trackerOver({
    clock,
    listDisks: () => listDisks(kernel, choice),
    tracing: await tracingOf(options),
    ...(lookEveryMs !== undefined && { lookEveryMs }),
  });
}

async function tracingOf(options: LiveTrackerOptions): Promise<Result<KernelTracing, string>> {
  const { run, id, mountPoint = mountPointDefault, tracingPlaces, bufferKiB = bufferKiBDefault } = options;
  const found = await findTracing(run, { ours: mountPoint, ...(tracingPlaces && { usual: tracingPlaces }) });
  if (!found.ok) return found;
  const { path, release } = found.value;
  // Some kernels show tracing and do not let it be used (lockdown). Better known now than when a migration begins.
  const tried = openTracefsRing({ tracing: path, id, devs: [], bufferKiB: bufferKiBLeast });
  if (!tried.ok) {
    await release();
    return err(tried.error);
  }
  tried.value.close();
  return ok({ open: (devs) => openTracefsRing({ tracing: path, id, devs, bufferKiB }), release });
}
