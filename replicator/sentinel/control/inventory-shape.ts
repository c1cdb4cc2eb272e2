import { z } from 'zod';
import { diskId } from '#core/ids';
import type { GuestGlance, QuiescePolicy, QuiesceReport } from '#core/ports/guest-agent';
import { bytes, millis } from '#core/units';
import { branded } from '#replicator/protocol/branded';
import type { SurveyedInventory } from '#replicator/sentinel/inventory/readiness';
import type { SurveyDetails } from '#replicator/sentinel/inventory/survey';

/*
 * What guests say of themselves, as shapes. A guest is not trusted: its words end in logs and on a dashboard, so all of
 * them have bounds.
 */

const text = z.string().max(4_096);
const list = <T extends z.ZodType>(shape: T) => z.array(shape).max(4_096);
const byteCount = branded(bytes, z.number());
const duration = branded(millis, z.number());
/** The name of a disk of a guest. */
export const diskName = branded(diskId, z.string());

const tracking = z.discriminatedUnion('possible', [
  z.object({ possible: z.literal(true) }),
  z.object({ possible: z.literal(false), why: text }),
]);
const partition = z.object({
  path: text,
  number: z.int().nonnegative(),
  start: byteCount,
  size: byteCount,
  type: text,
});

const sentinel = z.object({ version: text, bootId: text });
const kernel = z.object({ version: text, image: z.boolean(), drivers: list(text) });
const details: z.ZodType<SurveyDetails> = z.object({
  missing: list(text),
  init: z.enum(['systemd', 'openrc', 'sysv', 'unknown']),
  kernels: list(kernel),
  degraded: list(text),
  locked: list(text),
  multipath: list(text),
  hardwareNames: list(text),
  lent: list(text),
  timeService: text,
});

/** What `inspect` answers: an inventory, with what its readiness is judged by. */
export const inventoryShape: z.ZodType<SurveyedInventory> = z.object({
  details: details.exactOptional(),
  hostname: text,
  os: z.object({ id: text, version: text, name: text }),
  kernels: list(text),
  kernel: text,
  machine: text,
  firmware: z.enum(['bios', 'uefi']),
  bootLoader: text,
  memory: byteCount,
  processors: z.int().nonnegative(),
  disks: list(
    z.object({
      id: diskName,
      path: text,
      size: byteCount,
      logicalBlockSize: byteCount,
      tracking,
      partitions: list(partition),
    }),
  ),
  volumes: list(z.object({ kind: z.enum(['lvm', 'md', 'luks']), name: text, path: text, parts: list(text) })),
  fileSystems: list(
    z.object({
      device: text,
      type: text,
      uuid: text,
      mountpoint: text,
      size: byteCount,
      used: byteCount,
      options: text,
    }),
  ),
  swap: list(text),
  networkShares: list(z.object({ type: text, source: text, mountpoint: text })),
  nics: list(
    z.object({
      name: text,
      mac: text,
      addresses: list(text),
      vlan: z.int().exactOptional(),
      bond: text.exactOptional(),
      driver: text,
    }),
  ),
  routes: list(text),
  services: list(z.object({ name: text, state: text })),
  oldAgents: list(text),
  sentinel,
});

/** What `look` answers. */
export const glanceShape: z.ZodType<GuestGlance> = z.object({
  hostname: text,
  disks: list(z.object({ id: diskName, size: byteCount, tracking })),
  isAtRest: z.boolean(),
  sentinel,
});

/** What `quiesce` is asked. */
export const policyShape: z.ZodType<QuiescePolicy> = z.object({
  timeout: duration,
  keep: list(text),
  before: list(text),
  after: list(text),
});

/** What `quiesce` answers. */
export const reportShape: z.ZodType<QuiesceReport> = z.object({
  stopped: list(z.object({ unit: text, took: duration, outcome: z.enum(['stopped', 'killed']) })),
  fileSystems: list(z.object({ mountpoint: text, how: z.enum(['remounted', 'frozen', 'emergency', 'unmounted']) })),
  took: duration,
});
