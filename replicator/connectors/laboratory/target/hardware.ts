import type { TargetVmPlan } from '#core/ports/target-platform';
import { MiB } from '#core/units';
import { nicArguments } from '#replicator/connectors/laboratory/machine/links';

/**
 * vSphere's virtual hardware in QEMU's words: the same devices (pvscsi 15ad:07c0, LSI SAS 1068 1000:0054, vmxnet3
 * 15ad:07b0, e1000e 8086:10d3), each behind a PCIe root port with the physical slot number that ESXi gives it. Linux
 * names a NIC after that number, so the guest's names come out as on vSphere: ens192, ens224, ens256, ens161, ...
 *
 * `graphics=off` makes the BIOS speak on the serial console, where "No bootable device" is worth a lot.
 *
 * Different: the chip set is Q35 and not 440BX, and disks and NICs say QEMU and not VMware where they give a vendor.
 */
export function targetArguments(plan: TargetVmPlan, firmwareVariables: FirmwareFiles | undefined): readonly string[] {
  const { name, memory, processors, disks, nics, controller, nicModel } = plan;
  return [
    ...['-name', name.replaceAll(',', ',,'), '-machine', 'q35,graphics=off', '-m', String(Math.floor(memory / MiB))],
    ...['-smp', String(processors)],
    // Slots as the root ports number them: QEMU's own ACPI hotplug would number them otherwise.
    ...['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'],
    ...(firmwareVariables === undefined ? [] : firmwareArguments(firmwareVariables)),
    ...rootPort(0, controllerSlot),
    ...['-device', `${controller === 'pvscsi' ? 'pvscsi' : 'mptsas1068'},id=scsi0,bus=slot${controllerSlot}`],
    ...disks.flatMap((disk, index) => diskArguments(disk, index, controller)),
    ...nics.flatMap(({ mac }, index) => {
      const slot = nicSlots[index] ?? 0;
      return [...rootPort(index + 1, slot), ...nicArguments(index, `${nicModel},mac=${mac},bus=slot${slot}`)];
    }),
  ];
}

/** UEFI's code, and the variables of one VM. */
export interface FirmwareFiles {
  readonly code: string;
  readonly variables: string;
}

/** The slot of the first SCSI controller of a VM that has PCIe. */
export const controllerSlot = 160;
/** The slots of a VM's NICs in order, as ESXi gives them out. */
export const nicSlots = [192, 224, 256, 161, 193, 225, 257] as const;

/** What the platform cannot make, as a sentence; undefined if it can. */
export function unbuildable({ disks, nics, controller, memory, processors }: TargetVmPlan): string | undefined {
  const disksMax = controller === 'pvscsi' ? 15 : 7; // QEMU's LSI SAS has eight ports, and 7 is not given out.
  if (disks.length === 0 || disks.length > disksMax)
    return `1 to ${disksMax} disks on ${controller}, not ${disks.length}`;
  if (nics.length > nicSlots.length) return `at most ${nicSlots.length} NICs, not ${nics.length}`;
  if (memory < 64 * MiB) return `at least 64 MiB of memory, not ${memory} bytes`;
  if (processors < 1 || processors > 16) return `1 to 16 processors, not ${processors}`;
  const mac = nics.find((nic) => !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(nic.mac))?.mac;
  return mac === undefined ? undefined : `${mac} is not a MAC`;
}

const rootPort = (index: number, slot: number): readonly string[] => [
  '-device',
  `pcie-root-port,id=slot${slot},chassis=${index + 1},slot=${slot},addr=${(index + 0x10).toString(16)}.0`,
];

/** SCSI ids in order, the controller's left out. */
const scsiId = (index: number): number => (index < 7 ? index : index + 1);

function diskArguments(
  { path, format }: TargetVmPlan['disks'][number],
  index: number,
  controller: TargetVmPlan['controller'],
): readonly string[] {
  const file = { driver: 'file', filename: path };
  const node = { driver: format, 'node-name': `disk${index}`, file, discard: 'unmap' };
  const place = `bus=scsi0.0,drive=disk${index},scsi-id=${scsiId(index)},channel=0,lun=0`;
  // Linux finds a SAS disk by its name in the world, and without one it finds none. VMware's prefix.
  const name = controller === 'lsisas' ? `,wwn=0x5000c2900000000${scsiId(index)}` : '';
  return ['-blockdev', JSON.stringify(node), '-device', `scsi-hd,${place}${name}${index === 0 ? ',bootindex=0' : ''}`];
}

const firmwareArguments = ({ code, variables }: FirmwareFiles): readonly string[] => [
  ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${code.replaceAll(',', ',,')}`],
  ...['-drive', `if=pflash,unit=1,format=raw,file=${variables.replaceAll(',', ',,')}`],
];
