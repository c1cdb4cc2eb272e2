import type { Check } from '#core/migration/facts';
import type { GuestImage } from '#core/ports/fix-up';
import { fateOf } from '#replicator/fixup/device-names';
import { failed, fixUpSystem, textEdit, warning, type SystemPlan, type FixUpSystem } from '#replicator/fixup/system';

const system = 'boot';
const environmentLength = 1024;

// Where a boot loader, or what makes its configuration, keeps what the kernel is told.
const isCommandLineFile = (path: string): boolean =>
  /^\/boot\/(grub2?\/(grub\.cfg|grubenv|menu\.lst|grub\.conf)|(efi\/)?loader\/entries\/[^/]+\.conf|efi\/EFI\/[^/]+\/grub\.cfg)$/.test(
    path,
  ) || /^\/etc\/(default\/grub(\.d\/[^/]+\.cfg)?|kernel\/cmdline)$/.test(path);

/**
 * What the kernel is told at boot, wherever it is written: `root=` and `resume=` by id, no console that only the old
 * hypervisor has. Made configurations (grub.cfg, loader entries) are edited as well as what they are made from: making
 * them anew while the guest is offline would ask the machine this runs on.
 */
export const kernelCommandLine: FixUpSystem = fixUpSystem<readonly string[]>(system, {
  collect: ({ files }) => {
    const paths = Object.keys(files).filter(isCommandLineFile);
    return paths.length === 0 ? undefined : paths;
  },
  render: (paths, { image }) => {
    const findings: Check[] = [];
    const edits = paths.flatMap((path) => {
      const { after, what } = rewritten(image, path, findings);
      return textEdit(image, path, after, {
        system,
        what: what.length === 0 ? 'leave it' : what.join(', '),
        why: 'the kernel looks for its root by what it is told here, and the names of old virtual hardware are gone',
      });
    });
    return { edits, findings: distinct(findings) };
  },
});

function rewritten(image: GuestImage, path: string, findings: Check[]): { after: string; what: readonly string[] } {
  const what = new Set<string>();
  const text = image.files[path] ?? '';
  let after = text.replaceAll(/\b(root|resume)=(\/dev\/[^\s"'\\]+)/g, (match, key: string, name: string) => {
    const fate = fateOf(image, name, key === 'root' ? { mountpoint: '/' } : { type: 'swap' });
    if (fate.type === 'lost') {
      const say = key === 'root' ? failed : warning;
      findings.push(say(`${system}:${key}`, `${path}: ${key}=: ${fate.why}`, `name it by id in ${path} of the source`));
    }
    if (fate.type !== 'replaced') return match;
    what.add(`${key}=${name} becomes ${key}=${fate.by}`);
    return `${key}=${fate.by}`;
  });
  after = after.replaceAll(/(?<=[\s"'=])console=(?:hvc|xvc)\d+\S*?(?=[\s"'])[ \t]?/g, () => {
    what.add('no console that only the old hypervisor has');
    return '';
  });
  if (path.startsWith('/etc/default/grub'))
    after = after.replaceAll(
      /^(\s*)(GRUB_DISABLE_(?:LINUX_)?UUID=["']?true["']?.*)$/gm,
      (_, space: string, line: string) => {
        what.add('let GRUB name the root by its UUID');
        return `${space}# ${line}`;
      },
    );
  return { after: path.endsWith('/grubenv') ? padded(after, text) : after, what: [...what] };
}

/** The environment block of GRUB is exactly so long, filled up with #: GRUB writes it in place. */
function padded(after: string, before: string): string {
  if (after === before || before.length !== environmentLength) return after;
  const text = after.replace(/#*$/, '');
  return text.length > environmentLength ? before : text.padEnd(environmentLength, '#');
}

const distinct = (findings: readonly Check[]): readonly Check[] => [
  ...new Map(findings.map((finding) => [finding.id, finding])).values(),
];

/** GRUB's list of disks by the names of their drivers. Without it GRUB looks for itself. */
export const deviceMap = fixUpSystem<readonly string[]>('device-map', {
  collect: ({ files }) =>
    ['/boot/grub/device.map', '/boot/grub2/device.map'].filter((path) => files[path] !== undefined),
  render: (paths, { image }): SystemPlan => ({
    edits: paths
      .filter((path) => /\/dev\/(?!disk\/by-uuid)/.test(image.files[path] ?? ''))
      .flatMap((path) =>
        textEdit(image, path, undefined, {
          ...{ system: 'device-map', what: 'take away the list of disks by old names' },
          why: 'GRUB would install itself to a disk of a name that is gone; without the list it looks for itself',
        }),
      ),
    findings: [],
  }),
});
