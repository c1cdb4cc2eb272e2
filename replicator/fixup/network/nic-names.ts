import type { Check } from '#core/migration/facts';
import type { Edit, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { failed, fixUpSystem, textEdit, warning, type PlanContext } from '#replicator/fixup/system';
import { links } from './links.ts';
import { macOf, onTarget, takes, type Network, type Nic } from './network.ts';
import { namesByRule, withRules } from './udev-rules.ts';

const system = 'nic-name';
const macForm = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
// What the kernel takes for a name of an interface.
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
const linkFolder = '/etc/systemd/network/';
const rulesPath = '/etc/udev/rules.d/70-persistent-net.rules';

type Files = GuestImage['files'];

interface Model {
  /** Whether systemd-udevd names NICs, by .link files; else udev's own rules do. */
  readonly hasLinks: boolean;
}

/**
 * Names of NICs, kept by their MAC: ens3 stays ens3 although the slot that gave it its name is another one. Everything
 * that knows the name (addresses, firewall, applications) stays as it is.
 */
export const nicNames = fixUpSystem<Model>(system, {
  collect: ({ present }) => ({ hasLinks: present.some((path) => path.endsWith('/systemctl')) }),
  render: ({ hasLinks }, { image, target, planned }) => {
    const findings: Check[] = [];
    if (target.nics.length === 0)
      findings.push(
        warning(
          `${system}:unknown`,
          'no NIC of the source is known, so names of NICs may change',
          'say which address had which name',
        ),
      );
    const kept = target.nics.map((nic) => ({ ...nic, mac: nic.mac.toLowerCase() }));
    const isOne = ({ mac, name }: Nic): boolean => macForm.test(mac) && nameForm.test(name);
    for (const { mac, name } of kept.filter((nic) => !isOne(nic)))
      findings.push(
        failed(
          `${system}:${name}`,
          `"${mac}" "${name}" is no address and name of a NIC`,
          'correct the NIC in the plan',
        ),
      );
    const nics = kept.filter(isOne);
    findings.push(...sharedMacs(nics));
    const changed = changedLinks({ image, target: { ...target, nics }, planned });
    findings.push(...changed.findings);
    const edits = [...changed.edits, ...pins(hasLinks, nics, changed.image, target)];
    findings.push(...outvoted(hasLinks, nics, withEdits(changed.image, edits), target));
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

// Members of a bond show its address in place of their own, and a name cannot be kept by an address that several have.
const sharedMacs = (nics: readonly Nic[]): readonly Check[] =>
  nics
    .filter((nic, index) => nics.findIndex(({ mac }) => mac === nic.mac) === index)
    .flatMap(({ mac }) => {
      const names = nics.filter((nic) => nic.mac === mac).map(({ name }) => name);
      if (names.length < 2) return [];
      const message = `${names.join(' and ')} have the same address, ${mac}: which is which cannot be told`;
      return [warning(`${system}:${mac}`, message, 'say the permanent address of each (ethtool -P on the source)')];
    });

/** The guest's own .link files, made to find the NIC they named. */
function changedLinks(context: PlanContext) {
  const { edits, findings } = links.render(links.collect(context.image.files) ?? [], context);
  return { edits, findings, image: withEdits(context.image, edits) };
}

const withEdits = ({ files, ...image }: GuestImage, edits: readonly Edit[]): GuestImage => ({
  ...image,
  files: { ...files, ...Object.fromEntries(edits.map(({ path, after = '' }) => [path, after])) },
});

/** What has to be written so that each NIC that would get another name gets its own. */
function pins(
  hasLinks: boolean,
  nics: readonly Nic[],
  image: GuestImage,
  target: Pick<FixUpTarget, 'nicModel'>,
): readonly Edit[] {
  const rules = Object.keys(image.files).filter((path) => path.startsWith('/etc/udev/rules.d/'));
  const words = wordsFor(nics.map(({ name }) => name).join(', '), 'their MAC');
  const edits = [...new Set([...rules, ...(hasLinks || nics.length === 0 ? [] : [rulesPath])])].flatMap((path) => {
    const own = hasLinks || path !== rulesPath ? [] : nics;
    return textEdit(image, path, withRules(image.files[path], own, nics), words);
  });
  if (!hasLinks) return edits;
  const after = withEdits(image, edits);
  // Also where a rule names it: rules may be missing from an initramfs, and a NIC that is up is not renamed.
  const unnamed = nics.filter((nic) => linkFor(after.files, nic, target)?.gives !== nic.name);
  return [...edits, ...unnamed.flatMap(({ mac, name }) => linkEdit(after, mac, name))];
}

function linkEdit(image: GuestImage, mac: string, name: string): readonly Edit[] {
  const text = [
    '# Written by Sealift: the NIC keeps the name it had.',
    '[Match]',
    `MACAddress=${mac}`,
    '',
    '[Link]',
    `Name=${name}`,
    '',
  ];
  return textEdit(image, `${linkFolder}10-sealift-${name}.link`, text.join('\n'), wordsFor(name, mac));
}

const wordsFor = (name: string, mac: string) => ({
  system,
  what: `keep the name ${name} for ${mac}`,
  why: 'the name comes from the slot a NIC is in, and the target has other slots; what is configured for the name would not be found',
});

/** NICs that something else names first. */
function outvoted(
  hasLinks: boolean,
  nics: readonly Nic[],
  { files }: GuestImage,
  target: Pick<FixUpTarget, 'nicModel'>,
): readonly Check[] {
  if (!hasLinks) return [];
  return nics.flatMap((nic) => {
    const winner = linkFor(files, nic, target);
    if (nameOnTarget(files, nic, target) === nic.name || winner === undefined) return [];
    return [
      failed(
        `${system}:${nic.name}`,
        `${winner.path} takes ${nic.name} before the file that keeps its name`,
        `in the source, write Name=${nic.name} and its address into a file that comes before ${winner.id}`,
      ),
    ];
  });
}

/** The name a NIC gets on the target from what is written in these files; undefined if udev decides by slot. */
export function nameOnTarget(files: Files, nic: Nic, target: Pick<FixUpTarget, 'nicModel'>): string | undefined {
  // A name that a rule gives is not given again by a .link file.
  return namesByRule(files).find(({ mac }) => mac === macOf(nic.mac))?.name ?? linkFor(files, nic, target)?.gives;
}

/** Of .link files, the first that fits a NIC is the one that counts. */
function linkFor(files: Files, nic: Nic, target: Pick<FixUpTarget, 'nicModel'>): Network | undefined {
  const view = onTarget(nic, target);
  return links.collect(files)?.find((network) => takes(network, view) !== 'no');
}

/** NICs whose names are kept in these files, by whoever wrote them. */
export function nicsNamedIn(files: Files): readonly Nic[] {
  const byLink = (links.collect(files) ?? []).flatMap(({ gives, terms }) => {
    const mac = terms.find(({ by, values }) => by === 'mac' && values.length === 1)?.values[0];
    return gives === undefined || mac === undefined ? [] : [{ mac: macOf(mac), name: gives }];
  });
  const all = [...namesByRule(files), ...byLink];
  return [...new Map(all.toReversed().map((nic) => [nic.mac, nic])).values()].toReversed();
}
