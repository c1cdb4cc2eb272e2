import type { GuestAgent, GuestGlance, QuiescePolicy } from '#core/ports/guest-agent';
import type { HypervisorError, PowerState, SourceHypervisor, SourceInventory } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { ok, type Result } from '#core/result';

/**
 * A source as seen from inside, by its sentinel, and from outside only for whether it runs. Disks have the guest's names.
 *
 * `pause` brings the guest to rest as the policy says: services stopped, file systems read-only. It goes on running, so
 * that what was written last can be read; `resume` brings it back to service. Looking at it runs nothing in the guest:
 * it is looked at several times while it is down.
 */
export function guestSource(agent: GuestAgent, power: SourcePower, policy: QuiescePolicy): SourceHypervisor {
  // Marks and open disks are in the memory of a guest and of its kernel: one that is off has none, and may stay off for ever.
  const goneIfOff = async (asked: Result<void, HypervisorError>): Promise<Result<void, HypervisorError>> => {
    if (asked.ok || asked.error.type !== 'Unreachable') return asked;
    const state = await power.state();
    return state.ok && state.value === 'off' ? ok(undefined) : asked;
  };
  return {
    inspect: async () => {
      const state = await power.state();
      if (!state.ok) return state;
      // Who is off cannot be asked. It has the disks it had: none would be a finding, and a wrong one.
      if (state.value === 'off') return ok({ name: '', power: 'off', disks: undefined, hypervisor: 'its hypervisor' });
      return inventoryOf(await agent.look(), state.value);
    },
    beginMark: (mark) => agent.beginMark(mark),
    advanceMark: (from, to) => agent.advanceMark(from, to),
    changes: (mark) => agent.changes(mark),
    dropMark: (mark) => agent.dropMark(mark),
    openDisk: (disk, since) => agent.openDisk(disk, since),
    closeDisks: async () => goneIfOff(await agent.closeDisks()),
    pause: async () => {
      const report = await agent.quiesce(policy);
      return report.ok ? ok(undefined) : report;
    },
    resume: () => agent.resume(),
    release: async (owner) => goneIfOff(await agent.release(owner)),
    // Agent and power are the site's, and find their way back by themselves.
    close: async () => undefined,
  };
}

function inventoryOf(
  found: Result<GuestGlance, HypervisorError>,
  state: PowerState,
): Result<SourceInventory, HypervisorError> {
  if (!found.ok) return found;
  const { hostname, disks, isAtRest, sentinel } = found.value;
  return ok({
    name: hostname,
    power: state === 'running' && isAtRest ? 'paused' : state,
    disks,
    hypervisor: `sentinel ${sentinel.version}`,
  });
}
