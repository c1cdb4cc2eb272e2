import type { FixUpTarget, GuestKernel } from '#core/ports/fix-up';

const controllerDriver = { pvscsi: 'vmw_pvscsi', lsisas: 'mptsas' } as const;
const otherDrivers = ['vmw_pvscsi', 'mptsas', 'mpt3sas', 'ahci', 'nvme', 'vmxnet3', 'e1000e'];

/** Drivers without which the root is not found. `sd_mod` makes disks of what a controller finds. */
export const driversToBoot = ({ controller }: Pick<FixUpTarget, 'controller'>): readonly string[] => [
  controllerDriver[controller],
  'sd_mod',
];

/** Drivers a kernel must have, in its initramfs or not: those to boot, and that of the NIC. */
export const driversToRun = (target: Pick<FixUpTarget, 'controller' | 'nicModel'>): readonly string[] => [
  ...driversToBoot(target),
  target.nicModel,
];

/**
 * Drivers an initramfs is told to hold: those the target needs, and those of other virtual hardware of the same
 * hypervisor, so that a controller may be changed later. Only what every one of the kernels knows is named.
 */
export function driversToPack(
  target: Pick<FixUpTarget, 'controller' | 'nicModel'>,
  kernels: readonly GuestKernel[],
): readonly string[] {
  const needed = driversToRun(target);
  const others = otherDrivers.filter((name) => kernels.every(({ drivers }) => drivers[name] !== undefined));
  return [...new Set([...needed, ...others])];
}

/** Those a kernel lacks altogether. */
export const driversMissing = (kernel: GuestKernel, names: readonly string[]): readonly string[] =>
  names.filter((name) => kernel.drivers[name] === undefined);

/** Those a kernel has as modules and its initramfs does not hold. */
export const driversNotPacked = (kernel: GuestKernel, names: readonly string[]): readonly string[] =>
  names.filter((name) => kernel.drivers[name] === 'module' && kernel.initramfs?.modules.includes(name) !== true);

/** Kernels that a boot loader can start and that can run on the target. */
export const bootableKernels = (
  kernels: readonly GuestKernel[],
  target: Pick<FixUpTarget, 'controller' | 'nicModel'>,
): readonly GuestKernel[] =>
  kernels.filter((kernel) => kernel.image !== '' && driversMissing(kernel, driversToRun(target)).length === 0);
