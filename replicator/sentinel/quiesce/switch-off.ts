import { seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';

// Asked of whoever is there when the kernel has not done it: none of these stops services or writes to a disk.
const programs: readonly (readonly [string, ...string[]])[] = [
  ['systemctl', 'poweroff', '--force', '--force'],
  ['poweroff', '-f'],
  ['busybox', 'poweroff', '-f'],
];

/**
 * Begins to power off. The kernel is asked first, since that takes no program from a disk; asked again, programs are
 * tried too. A sentence if nobody would.
 */
export async function switchOff(system: GuestControl, attempts: number): Promise<string | undefined> {
  const refused = await system.write('/proc/sysrq-trigger', 'o');
  if (refused === undefined && attempts === 0) return undefined;
  for (const [program, ...args] of programs) {
    const ran = await system.run(program, args, { timeout: seconds(20) });
    if (ran.status === 0) return undefined;
  }
  return refused ?? 'the kernel was asked, and none of the programs that power off would';
}
