import type { Check } from '#core/migration/facts';
import type { Edit, GuestImage } from '#core/ports/fix-up';
import { failed, fixUpSystem, textEdit, warning } from '#replicator/fixup/system';

const system = 'nic-name';
const macForm = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
// What the kernel takes for a name of an interface.
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;

interface Model {
  /** Whether systemd-udevd names NICs, by .link files; else udev's own rules do. */
  readonly links: boolean;
}

/**
 * Names of NICs, kept by their MAC: ens3 stays ens3 although the slot that gave it its name is another one. Everything
 * that knows the name (addresses, firewall, applications) stays as it is.
 */
export const nicNames = fixUpSystem<Model>(system, {
  collect: ({ present }) => ({ links: present.some((path) => path.endsWith('/systemctl')) }),
  render: ({ links }, { image, target }) => {
    const findings: Check[] = [];
    const edits: Edit[] = [];
    if (target.nics.length === 0)
      findings.push(
        warning(
          `${system}:unknown`,
          'no NIC of the source is known, so names of NICs may change',
          'say which address had which name',
        ),
      );
    const kept = target.nics.map(({ mac, name }) => ({ mac: mac.toLowerCase(), name }));
    for (const { mac, name } of kept) {
      if (!macForm.test(mac) || !nameForm.test(name)) {
        findings.push(
          failed(
            `${system}:${name}`,
            `"${mac}" "${name}" is no address and name of a NIC`,
            'correct the NIC in the plan',
          ),
        );
        continue;
      }
      if (links) edits.push(...linkEdit(image, mac, name));
    }
    if (!links && kept.length > 0) edits.push(...ruleEdit(image, kept));
    // The kernel hands out eth0, eth1 ... itself, and a name that is taken cannot be given.
    if (kept.filter(({ name }) => /^eth\d+$/.test(name)).length > 1)
      findings.push(
        warning(
          `${system}:eth`,
          'several NICs have names the kernel gives itself (eth0, eth1)',
          'look at their order after the test launch',
        ),
      );
    return { edits, findings };
  },
});

function linkEdit(image: GuestImage, mac: string, name: string): readonly Edit[] {
  const path = `/etc/systemd/network/10-sealift-${name}.link`;
  const others = Object.entries(image.files).filter(
    ([other, text]) => other !== path && other.endsWith('.link') && text.toLowerCase().includes(mac),
  );
  if (others.some(([, text]) => new RegExp(`^\\s*Name\\s*=\\s*${name}\\s*$`, 'm').test(text))) return [];
  const text = [
    '# Written by Sealift: the NIC keeps the name it had.',
    '[Match]',
    `MACAddress=${mac}`,
    '',
    '[Link]',
    `Name=${name}`,
    '',
  ];
  return textEdit(image, path, text.join('\n'), wordsFor(name, mac));
}

function ruleEdit(
  image: GuestImage,
  nics: readonly { readonly mac: string; readonly name: string }[],
): readonly Edit[] {
  const path = '/etc/udev/rules.d/70-persistent-net.rules';
  const lines = nics.map(
    ({ mac, name }) => `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${mac}", NAME="${name}"`,
  );
  const words = nics.map(({ name }) => name).join(', ');
  return textEdit(
    image,
    path,
    ['# Written by Sealift: NICs keep the names they had.', ...lines, ''].join('\n'),
    wordsFor(words, 'their MAC'),
  );
}

const wordsFor = (name: string, mac: string) => ({
  system,
  what: `keep the name ${name} for ${mac}`,
  why: 'the name comes from the slot a NIC is in, and the target has other slots; what is configured for the name would not be found',
});
