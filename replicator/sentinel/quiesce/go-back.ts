import { seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { parseMountInfo } from '#replicator/sentinel/inventory/mounts';
import { parseSwaps } from '#replicator/sentinel/inventory/survey';
import type { Undo } from './rest-journal.ts';
import { type ServiceManager, serviceManager } from './init-system.ts';

/** What came of going back to service. */
export interface WayBack {
  readonly started: readonly string[];
  readonly ended: readonly string[];
  /** What did not come back, oldest first, each with a sentence. */
  readonly failed: readonly { readonly undo: Undo; readonly why: string }[];
}

const commandLimit = seconds(60);

/**
 * Undoes, latest first. One that fails holds up none of the others: as much as possible comes back. What was never
 * done is found undone already.
 */
export async function goBack(system: GuestControl, undo: readonly Undo[]): Promise<WayBack> {
  const manager = await serviceManager(system);
  const started: string[] = [];
  const ended: string[] = [];
  const failed: { undo: Undo; why: string }[] = [];
  for (const one of [...undo].reverse()) {
    switch (one.type) {
      case 'start':
        await Promise.all(
          one.units.map(async (id) => {
            const why = await startUnit(manager, id);
            if (why === undefined) started.push(id);
            else failed.push({ undo: { type: 'start', units: [id] }, why: `${id}: ${why}` });
          }),
        );
        break;
      case 'ended':
        ended.push(...one.units);
        break;
      case 'swapOn': {
        const why = await swapOn(system, one.place);
        if (why !== undefined) failed.push({ undo: one, why: `swap on ${one.place}: ${why}` });
        break;
      }
      case 'journalToDisk':
        await system.run('journalctl', ['--flush'], { timeout: commandLimit });
        break;
      case 'writable': {
        const why = await makeWritable(system, one.mountpoint);
        if (why !== undefined) failed.push({ undo: one, why: `${one.mountpoint}: ${why}` });
        break;
      }
      case 'thaw':
        // Thawing what is not frozen is refused, and no trouble; whether it worked shows when it is written to.
        await system.run('fsfreeze', ['-u', one.mountpoint], { timeout: commandLimit });
        break;
    }
  }
  return { started: started.reverse(), ended, failed: failed.reverse() };
}

async function startUnit(manager: ServiceManager, id: string): Promise<string | undefined> {
  if (await manager.running(id)) return undefined;
  const why = await manager.start(id);
  return why === undefined || (await manager.running(id)) ? undefined : why || 'it did not start';
}

async function swapOn(system: GuestControl, place: string): Promise<string | undefined> {
  const on = parseSwaps((await system.read('/proc/swaps')) ?? '');
  if (on.includes(place)) return undefined;
  const done = await system.run('swapon', [place], { timeout: commandLimit });
  return done.status === 0 ? undefined : done.stderr.trim();
}

async function makeWritable(system: GuestControl, mountpoint: string): Promise<string | undefined> {
  const isReadOnly = async (): Promise<boolean> =>
    parseMountInfo((await system.read('/proc/self/mountinfo')) ?? '').some(
      (mount) => mount.mountpoint === mountpoint && mount.fileSystemReadOnly,
    );
  if (!(await isReadOnly())) return undefined;
  const done = await system.run('mount', ['-n', '-o', 'remount,rw', mountpoint], { timeout: commandLimit });
  return (await isReadOnly()) ? done.stderr.trim() || 'it stayed read-only' : undefined;
}
