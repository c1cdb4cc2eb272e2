import type { Check } from '#core/migration/facts';
import type { Edit, FixUpPlan, GuestImage } from '#core/ports/fix-up';
import { formatBytes } from '#core/text/format';
import { differenceLines } from './text-difference.ts';
import { windowsLines } from '#replicator/fixup/windows/image-lines';

/** A plan for a person: each edit with what, why and the difference it makes, then what was found beside. */
export function planLines({ guest, target, edits, findings }: FixUpPlan): readonly string[] {
  const hardware = target === undefined ? '' : ` for ${target.controller} and ${target.nicModel}`;
  const kernels = `kernels ${guest.kernels.join(', ')}`;
  return [
    `${guest.name}, ${kernels}: ${edits.length === 0 ? 'nothing to edit' : `${edits.length} edits`}${hardware}`,
    ...edits.flatMap((edit, index) => ['', ...editLines(edit, index + 1)]),
    ...(findings.length === 0 ? [] : ['', ...checkLines(findings)]),
  ];
}

function editLines(edit: Edit, number: number): readonly string[] {
  const { what, why, path, before, after, run, keeps } = edit;
  const head = [`${number}. ${what}`, `   because ${why}`];
  if (run !== undefined) return [...head, `   run  ${run.join(' ')}`];
  return [
    ...head,
    ...(keeps === undefined ? [] : [`   the original is kept as ${keeps}`]),
    `--- ${before === undefined ? '/dev/null' : path}`,
    `+++ ${after === undefined ? '/dev/null' : path}`,
    ...differenceLines(before ?? '', after ?? ''),
  ];
}

const marks = { passed: 'passed ', warning: 'warning', failed: 'FAILED ' } as const;

/** Checks, one a line, with the remedy of those that did not pass below. */
export const checkLines = (checks: readonly Check[]): readonly string[] =>
  checks.flatMap(({ id, verdict, message, remedy }) => [
    `${marks[verdict]}  ${id}: ${message}`,
    ...(remedy === '' ? [] : [`         remedy: ${remedy}`]),
  ]);

/** What an inspection found, for a person. */
export function imageLines(image: GuestImage): readonly string[] {
  const { os, firmware, bootLoader, initramfsSystem, kernels, devices, mounts } = image;
  const listed = (words: readonly string[]): string => (words.length === 0 ? 'none' : words.join(', '));
  return [
    `${os.name} (${os.family}), ${firmware}, ${bootLoader}, ${initramfsSystem}`,
    ...(image.windows === undefined ? [] : windowsLines(image, image.windows)),
    ...kernels.map(({ version, image: file, drivers, initramfs }) => {
      const has = ['vmw_pvscsi', 'vmxnet3'].map((name) => `${drivers[name] === undefined ? 'no ' : ''}${name}`);
      const packed = initramfs === undefined ? 'no initramfs' : `${initramfs.path} with ${listed(initramfs.modules)}`;
      return `kernel ${version}${file === '' ? ' (not in /boot)' : ''}: ${has.join(', ')}; ${packed}`;
    }),
    ...devices
      .filter(({ type }) => type !== '')
      .map(({ name, type, uuid, label }) => {
        const mount = mounts.find(({ device }) => device === name);
        const place = mount === undefined ? '' : `  ${mount.mountpoint}  ${formatBytes(mount.free)} free`;
        return `${name}  ${type}  ${uuid}${label && `  ${label}`}${place}`;
      }),
    `networks: ${listed(image.networkSystems)}; agents of the old hypervisor: ${listed(image.oldAgents)}`,
    ...image.locked.map((device) => `${device} is encrypted: what is in it was not looked at`),
  ];
}
