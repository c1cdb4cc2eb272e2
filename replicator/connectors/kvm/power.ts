import { z } from 'zod';
import type { HypervisorError, PowerState } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import type { Monitor } from './monitor.ts';

/** QEMU's run states, as far as they matter here, in the words of the port. */
const powerOf: Readonly<Record<string, PowerState>> = {
  running: 'running',
  // Asleep (S3), and awake again without our doing: nobody may count on it to stand still.
  suspended: 'running',
  paused: 'paused',
  prelaunch: 'paused',
  'io-error': 'paused',
  debug: 'paused',
  watchdog: 'paused',
  'save-vm': 'paused',
  'restore-vm': 'paused',
  inmigrate: 'off',
  'finish-migrate': 'paused',
  postmigrate: 'off',
  shutdown: 'off',
  'guest-panicked': 'crashed',
  'internal-error': 'crashed',
};

const status = z.object({ status: z.string() });
const nothing = z.object({});

/** What the VM does, in QEMU's word. */
export async function runState(monitor: Monitor, operation: string): Promise<Result<string, HypervisorError>> {
  const answer = await monitor.ask(operation, { command: 'query-status' }, status);
  return answer.ok ? ok(answer.value.status) : answer;
}

/** QEMU's word in the port's. A word of a newer QEMU is taken for running, the one state that promises nothing. */
export const powerState = (state: string): PowerState => powerOf[state] ?? 'running';

/** Stops the guest; QEMU drains and flushes its disks before it answers. A guest that runs no more is stopped already. */
export async function stopGuest(monitor: Monitor, operation: string): Promise<Result<void, HypervisorError>> {
  const before = await runState(monitor, operation);
  if (!before.ok) return before;
  if (before.value === 'io-error')
    return refused(
      operation,
      'QEMU stopped the guest on an I/O error, so its last writes are not on the disk; repair the storage and let it go on',
    );
  if (powerState(before.value) !== 'running') return ok(undefined);
  const stopped = await monitor.ask(operation, { command: 'stop' }, nothing);
  if (!stopped.ok) return stopped;
  const after = await runState(monitor, operation);
  if (!after.ok) return after;
  return powerState(after.value) === 'running'
    ? refused(operation, `the guest is still ${after.value} after QEMU was told to stop it; wake it or shut it down`)
    : ok(undefined);
}

/** Lets a paused guest go on. One that was never started, or has ended, is not started by this. */
export async function continueGuest(monitor: Monitor, operation: string): Promise<Result<void, HypervisorError>> {
  const before = await runState(monitor, operation);
  if (!before.ok) return before;
  if (powerState(before.value) === 'running') return ok(undefined);
  if (before.value !== 'paused') return refused(operation, `the guest is not paused but ${before.value}`);
  const continued = await monitor.ask(operation, { command: 'cont' }, nothing);
  if (!continued.ok) return continued;
  const after = await runState(monitor, operation);
  if (!after.ok) return after;
  return powerState(after.value) === 'running'
    ? ok(undefined)
    : refused(operation, `the guest is ${after.value} after QEMU was told to let it go on`);
}

const refused = (operation: string, detail: string) =>
  err({ type: 'Refused', operation, detail } satisfies HypervisorError);
