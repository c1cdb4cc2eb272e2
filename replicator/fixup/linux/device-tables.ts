import type { Check } from '#core/migration/facts';
import type { GuestImage } from '#core/ports/fix-up';
import { fateOf, type NameUse } from '#replicator/fixup/device-names';
import { parseTable, withFirstWord } from '#replicator/fixup/file-system-table';
import { failed, fixUpSystem, textEdit, together, warning, type SystemPlan } from '#replicator/fixup/system';

const why =
  'a name made by a driver or a place (vda1, by-path) is another one on other virtual hardware; an id is in the content';

/** fstab: names of devices become ids of what is on them. */
export const fstab = fixUpSystem<string>('fstab', {
  collect: ({ files }) => files['/etc/fstab'],
  render: (text, { image }) => {
    const findings: Check[] = [];
    let after = text;
    const replaced: string[] = [];
    for (const { line, device, mountpoint, type, options } of parseTable(text)) {
      const isSwap = type === 'swap';
      const fate = fateOf(image, device, { ...(!isSwap && { mountpoint }), ...(type !== 'none' && { type }) });
      if (fate.type === 'replaced') {
        after = withFirstWord(after, line, fate.by);
        replaced.push(`${device} by ${fate.by}`);
      } else if (fate.type === 'lost') {
        const place = isSwap ? 'swap' : mountpoint;
        const can = isSwap || options.includes('nofail') || options.includes('noauto');
        const say = can ? warning : failed;
        findings.push(
          say(
            `fstab:${place}`,
            `fstab: ${fate.why}`,
            `name what ${place} is on by its UUID in /etc/fstab of the source`,
          ),
        );
      }
    }
    const what = `replace ${replaced.join(', ')}`;
    return { edits: textEdit(image, '/etc/fstab', after, { system: 'fstab', what, why }), findings };
  },
});

/** crypttab: the encrypted device of each line becomes the id of its header. */
export const crypttab = fixUpSystem<string>('crypttab', {
  collect: ({ files }) => files['/etc/crypttab'],
  render: (text, { image }) => {
    const findings: Check[] = [];
    const lines = text.split('\n').map((line) => {
      const [, head = '', device = '', rest = ''] = /^(\s*[^\s#]\S*\s+)(\S+)(.*)$/.exec(line) ?? [];
      if (device === '') return line;
      const fate = fateOf(image, device);
      const name = head.trim();
      if (fate.type === 'lost')
        findings.push(failed(`crypttab:${name}`, `crypttab: ${fate.why}`, `name ${name} by its UUID in /etc/crypttab`));
      return fate.type === 'replaced' ? `${head}${fate.by}${rest}` : line;
    });
    const words = { system: 'crypttab', what: 'name encrypted devices by their id', why };
    return { edits: textEdit(image, '/etc/crypttab', lines.join('\n'), words), findings };
  },
});

/** Where a guest resumes from, as initramfs-tools keeps it. */
export const resume = fixUpSystem<readonly string[]>('resume', {
  collect: ({ files }) => Object.keys(files).filter((path) => path.startsWith('/etc/initramfs-tools/conf.d/')),
  render: (paths, { image }) =>
    together(
      paths.map((path) =>
        replacedIn(image, path, /^(\s*RESUME=["']?)(\/dev\/[^\s"']+)/gm, {
          ...{ system: 'resume', what: 'name the swap to resume from by its id' },
          use: { type: 'swap' },
        }),
      ),
    ),
});

/** Units of systemd that mount or swap by a name of a device. */
export const mountUnits = fixUpSystem<readonly string[]>('mount-unit', {
  collect: ({ files }) => Object.keys(files).filter((path) => /\/systemd\/system\/.*\.mount$/.test(path)),
  render: (paths, { image }) =>
    together(
      paths.map((path) =>
        replacedIn(image, path, /^(\s*What\s*=\s*)(\/dev\/\S+)/gm, {
          ...{ system: 'mount-unit', what: 'mount by id' },
          // A unit takes no UUID= on older systems, and this form everywhere.
          write: (by) => by.replace(/^UUID=/, '/dev/disk/by-uuid/').replace(/^PARTUUID=/, '/dev/disk/by-partuuid/'),
        }),
      ),
    ),
});

/** mdadm.conf: arrays are found by their id, wherever their parts are. */
export const mdadm = fixUpSystem<readonly string[]>('mdadm', {
  collect: ({ files }) => ['/etc/mdadm/mdadm.conf', '/etc/mdadm.conf'].filter((path) => files[path] !== undefined),
  render: (paths, { image }) =>
    together(
      paths.map((path) => {
        const text = (image.files[path] ?? '')
          .replaceAll(/^(\s*ARRAY\b.*?UUID=\S+.*?)\s+devices=\S+/gim, '$1')
          .replaceAll(/^(\s*ARRAY\b.*?)\s+devices=\S+(.*UUID=.*)$/gim, '$1$2')
          .replaceAll(/^\s*DEVICE\s+.*\/dev\/.*$/gim, 'DEVICE partitions');
        const words = { system: 'mdadm', what: 'find arrays by id, not by the devices they were on', why };
        return { edits: textEdit(image, path, text, words), findings: [] };
      }),
    ),
});

interface Replacing {
  readonly system: string;
  readonly what: string;
  readonly use?: NameUse;
  readonly write?: (by: string) => string;
}

/** Replaces the device in every match: `pattern` has what is before it as its first group, and the name as its second. */
function replacedIn(image: GuestImage, path: string, pattern: RegExp, replacing: Replacing): SystemPlan {
  const { system, what, use = {}, write = (by) => by } = replacing;
  const findings: Check[] = [];
  const after = (image.files[path] ?? '').replaceAll(pattern, (match, head: string, name: string) => {
    const fate = fateOf(image, name, use);
    if (fate.type === 'lost')
      findings.push(warning(`${system}:${name}`, `${path}: ${fate.why}`, `name it by id in ${path}`));
    return fate.type === 'replaced' ? `${head}${write(fate.by)}` : match;
  });
  return { edits: textEdit(image, path, after, { system, what, why }), findings };
}
