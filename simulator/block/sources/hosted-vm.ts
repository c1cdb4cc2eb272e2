import type { Extent } from '#core/disk/extent';
import type { DiskLocator, SourceInventory } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { ok, type Result } from '#core/result';
import type { DiskContent } from '#simulator/block/disk/disk-content';
import type { VirtualHardware } from '#simulator/endpoints/hardware';
import type { Outcome } from './connector.ts';
import type { Placed } from './source.ts';

/** What a hypervisor tells of a VM. */
export const inventoryOf = (hardware: VirtualHardware, hypervisor: string): SourceInventory => ({
  name: hardware.name,
  power: hardware.power(),
  disks: hardware.disks().map(({ disk, untracked }) => ({
    id: disk.id,
    size: disk.size,
    tracking: untracked === undefined ? { possible: true } : { possible: false, why: untracked },
  })),
  hypervisor,
});

/** Shows a disk to whoever has its address, for as long as `isOpen` says. */
export function openedWhole(
  placed: Placed,
  {
    name,
    content,
    changes,
    isOpen,
  }: {
    readonly name: string;
    readonly content: DiskContent;
    readonly changes: readonly Extent[] | undefined;
    readonly isOpen: () => boolean;
  },
): DiskLocator {
  const context = 'sealift:changes';
  const uri = placed.show(name, {
    content,
    changes: changes && { context, extents: () => changes },
    gone: () => (isOpen() ? undefined : 'the disk is not shown any more'),
  });
  return changes === undefined ? { type: 'nbd', uri } : { type: 'nbd', uri, changesContext: context };
}

/** The switch and the plugs of a VM, for vendors that do the switching later and the rest at once. */
export function powerOf<Fault>(
  hardware: VirtualHardware,
  ask: <T>(operation: string, act: () => Result<T, Fault>) => Outcome<T>,
  { off, on }: { readonly off: () => Outcome<void>; readonly on: () => Outcome<void> },
): SourcePower {
  const state = (operation: string) => ask(operation, () => ok(hardware.power()));
  return {
    state: () => state('state'),
    async powerOff() {
      const before = await state('powerOff');
      if (!before.ok) return before;
      return before.value === 'off' ? ok(undefined) : await off();
    },
    async powerOn() {
      const before = await state('powerOn');
      if (!before.ok) return before;
      return before.value === 'running' ? ok(undefined) : await on();
    },
    disconnect: () => ask('disconnect', () => ok(hardware.connectNics(false))),
    reconnect: () => ask('reconnect', () => ok(hardware.connectNics(true))),
    annotate: (note) => ask('annotate', () => ok(hardware.note(note))),
    close: async () => undefined,
  };
}
