import type { Check } from '#core/migration/facts';
import type { Edit, FixUpError, FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { formatBytes } from '#core/text/format';
import { dracut } from '#replicator/fixup/linux/dracut';
import { crypttab, fstab, mdadm, mountUnits, resume } from '#replicator/fixup/linux/device-tables';
import { chrony, cloudInit, stage, tools, xorg } from '#replicator/fixup/linux/environment';
import { initramfsTools } from '#replicator/fixup/linux/initramfs-tools';
import { deviceMap, kernelCommandLine } from '#replicator/fixup/linux/kernel-command-line';
import { lvm } from '#replicator/fixup/linux/lvm';
import { modprobe } from '#replicator/fixup/linux/modprobe';
import { selinux } from '#replicator/fixup/linux/selinux';
import { uefiFallback } from '#replicator/fixup/linux/uefi-fallback';
import { planWindows } from '#replicator/fixup/windows/plan';
import { inittab, oldAgents, oldConsoles } from '#replicator/fixup/linux/units';
import { managerConf } from '#replicator/fixup/network/manager-conf';
import { asFixUpSystem } from '#replicator/fixup/network/network-system';
import { nicNames } from '#replicator/fixup/network/nic-names';
import { networkReferences } from '#replicator/fixup/network/references';
import { networkSystems } from '#replicator/fixup/network/systems';
import { bootableKernels, driversMissing, driversToRun } from './drivers.ts';
import { failed, warning, type FixUpSystem } from './system.ts';

/**
 * What a Linux guest consists of for a fix-up, in the order in which it is edited: first what is written in files, then
 * the initramfs that they go into, last the labels of all that was made.
 */
const linuxSystems: readonly FixUpSystem[] = [
  ...[fstab, crypttab, resume, mountUnits, mdadm, lvm],
  ...[kernelCommandLine, deviceMap, uefiFallback],
  ...[nicNames, ...networkSystems.map(asFixUpSystem), managerConf, networkReferences],
  ...[modprobe, cloudInit, oldAgents, oldConsoles, inittab, chrony, xorg],
  ...[stage, tools],
  ...[initramfsTools, dracut],
  selinux,
];

// Beside a new initramfs, which is written before the old one goes. Less than this left, and a guest is full anyway.
const roomBeside = 10 * 2 ** 20;
const roomInRoot = 20 * 2 ** 20;

/** What to change so that this guest boots on that target. Pure: the same image gives the same plan. */
export function planFixUp(image: GuestImage, target: FixUpTarget): Result<FixUpPlan, FixUpError> {
  if (image.windows !== undefined) return planWindows(image, image.windows, target);
  const refusal = refusalOf(image, target);
  if (refusal !== undefined) return err(refusal);
  const edits: Edit[] = [];
  const findings: Check[] = [...findingsOf(image, target)];
  for (const system of linuxSystems) {
    const planned = system.plan({ image, target, planned: edits });
    edits.push(...planned.edits);
    findings.push(...planned.findings);
  }
  const written = edits.filter(({ run }) => run === undefined).map(({ path }) => path);
  invariant(new Set(written).size === written.length, `two edits of one file: ${written.join(' ')}`);
  if (edits.length > 0) findings.push(...roomFindings(image));
  const { controller, nicModel, nics } = target;
  return ok({
    version: 1,
    guest: { family: image.os.family, name: image.os.name, kernels: image.kernels.map(({ version }) => version) },
    target: { controller, nicModel, nics },
    edits,
    findings,
  });
}

/** What cannot be fixed up, and is not tried. */
function refusalOf(image: GuestImage, target: FixUpTarget): FixUpError | undefined {
  const refuse = (what: string, detail: string): FixUpError => ({ type: 'Unsupported', what, detail });
  const { os, kernels, initramfsSystem, hibernated } = image;
  if (os.family === 'unknown')
    return refuse(
      os.name === '' ? 'a system that does not say what it is' : os.name,
      'it is none of Debian, Ubuntu, Red Hat Enterprise Linux, SUSE and their kin, so what makes it boot is not known',
    );
  if (initramfsSystem === 'unknown' || initramfsSystem === 'mkinitcpio')
    return refuse(
      os.name,
      `its initramfs is made by ${initramfsSystem === 'unknown' ? 'something not known' : initramfsSystem}; only initramfs-tools and dracut are known`,
    );
  if (hibernated.length > 0)
    return refuse(
      'a hibernated guest',
      `${hibernated.join(', ')} holds its memory; start it and shut it down in order`,
    );
  const [first] = kernels.filter(({ image: file }) => file !== '');
  if (first === undefined) return refuse(os.name, 'it has no kernel in /boot that has modules too');
  // A boot loader starts the highest version. That another one could run is of no use to who sees the first one stop.
  const missing = driversMissing(first, driversToRun(target));
  if (missing.length > 0)
    return refuse(
      `kernel ${first.version}`,
      `it was built without ${missing.join(', ')} (kernels for clouds often are); ${remedyFor(image, target)}`,
    );
  return undefined;
}

function remedyFor(image: GuestImage, target: FixUpTarget): string {
  const others = bootableKernels(image.kernels, target).map(({ version }) => version);
  const install = { debian: 'linux-image-amd64 or linux-generic', redhat: 'kernel', suse: 'kernel-default' };
  if (others.length > 0) return `remove it from the source: ${others.join(', ')} would do`;
  const name = image.os.family in install ? install[image.os.family as keyof typeof install] : 'the general kernel';
  return `install ${name} in the source, start it there once, and remove this one`;
}

function findingsOf({ kernels, locked }: GuestImage, target: FixUpTarget): readonly Check[] {
  const unable = kernels.filter(
    (kernel) => kernel.image !== '' && driversMissing(kernel, driversToRun(target)).length > 0,
  );
  return [
    ...unable.map((kernel) =>
      warning(
        `kernel:${kernel.version}`,
        `kernel ${kernel.version} lacks ${driversMissing(kernel, driversToRun(target)).join(', ')} and is left as it is`,
        'do not choose it in the boot menu on the target',
      ),
    ),
    ...locked.map((device) =>
      warning(
        `locked:${device}`,
        `${device} is encrypted: what is in it was not looked at`,
        'look for names of devices in it by hand',
      ),
    ),
  ];
}

function roomFindings({ mounts, kernels }: GuestImage): readonly Check[] {
  const largest = Math.max(0, ...kernels.map(({ initramfs }) => initramfs?.size ?? 0));
  const boot = mounts.findLast(({ mountpoint }) => mountpoint === '/boot' || mountpoint === '/');
  const root = mounts.find(({ mountpoint }) => mountpoint === '/');
  const needs = [
    { mount: boot, bytes: largest + roomBeside, what: 'a new initramfs is written beside the old one' },
    { mount: root, bytes: roomInRoot, what: 'originals are kept there' },
  ];
  return needs.flatMap(({ mount, bytes, what }) =>
    mount === undefined || mount.free >= bytes
      ? []
      : [
          failed(
            `room:${mount.mountpoint}`,
            `${mount.mountpoint} has ${formatBytes(mount.free)} left, and ${formatBytes(bytes)} are needed: ${what}`,
            `make room in ${mount.mountpoint} of the source; old kernels are the first to remove`,
          ),
        ],
  );
}
