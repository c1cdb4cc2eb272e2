import type { Check } from '#core/migration/facts';
import type { Edit, FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { failed, passed, warning } from '#replicator/fixup/system';
import { onSource, onTarget, type Nic } from './network.ts';
import { foundFor, type Found } from './network-system.ts';
import { nameOnTarget, nicsNamedIn } from './nic-names.ts';
import { referencesIn } from './references.ts';
import { systemsIn, type SystemFound } from './systems.ts';

type Files = GuestImage['files'];
type Hardware = Pick<FixUpTarget, 'nics' | 'nicModel'>;

/**
 * Whether each NIC is found on the target by exactly the configuration it had on the source, and whether the names that
 * networks have for each other lead somewhere. What it had is read from the files as they were before the plan's edits.
 */
export function networkChecks(image: GuestImage, { edits, target }: FixUpPlan): readonly Check[] {
  const hardware: Hardware = {
    nicModel: target?.nicModel ?? 'vmxnet3',
    // Plans made before NICs were part of them are held against the names that are kept in the image.
    nics: target?.nics ?? nicsNamedIn(image.files),
  };
  const before = systemsIn(filesBefore(image.files, edits));
  const after = systemsIn(image.files);
  return [
    ...hardware.nics.map((nic) => nicCheck(nic, { image, hardware, before, after })),
    ...referenceChecks({ hardware, before, after }),
  ];
}

/** The files as they were before those edits that are in them. */
function filesBefore(files: Files, edits: readonly Edit[]): Files {
  const texts = new Map(Object.entries(files));
  for (const { run, path, before, after } of edits) {
    if (run !== undefined || files[path] !== after) continue;
    if (before === undefined) texts.delete(path);
    else texts.set(path, before);
  }
  return Object.fromEntries(texts);
}

interface Compared {
  readonly hardware: Hardware;
  readonly before: readonly SystemFound[];
  readonly after: readonly SystemFound[];
}

function nicCheck(nic: Nic, { image, ...compared }: Compared & { readonly image: GuestImage }): Check {
  const id = `network:${nic.name}`;
  const named = nameOnTarget(image.files, nic, compared.hardware);
  if (named !== nic.name)
    return failed(
      id,
      `${nic.name} (${nic.mac}) is called ${named ?? 'by its slot'} on the target`,
      'apply the plan; if it was applied, look what else in /etc/systemd/network and /etc/udev/rules.d names NICs',
    );
  const systems = compared.before.map((was) => {
    const { system, networks } = was;
    const is = compared.after.find((one) => one.system === system)?.networks ?? [];
    return {
      name: system.name,
      had: foundFor(system, networks, onSource(nic, compared.hardware)),
      has: foundFor(system, is, onTarget(nic, compared.hardware)),
    };
  });
  const said = systems.flatMap(({ name, had, has }) => differenceOf(id, nic, { name, had, has }));
  const worst = said.find(({ verdict }) => verdict === 'failed') ?? said[0];
  if (worst !== undefined) return worst;
  const has = systems.flatMap(({ name, has: { ids } }) => ids.map((one) => `${one} (${name})`));
  if (has.length > 0) return passed(id, `${nic.name} keeps its name and is found by ${has.join(', ')}`);
  const users = compared.after
    .flatMap(({ networks }) => networks)
    .filter(({ uses }) => uses.some(({ name }) => name === nic.name));
  if (users.length > 0)
    return passed(id, `${nic.name} keeps its name and is part of ${users.map((one) => one.id).join(', ')}`);
  // NetworkManager takes any NIC that nobody configured; a guest may as well be configured in a way not known here.
  const isTaken = image.networkSystems.length === 0 || image.networkSystems.includes('networkmanager-keyfile');
  return isTaken
    ? passed(id, `${nic.name} keeps its name`)
    : warning(id, `no network configuration is for ${nic.name}`, 'look at the addresses after the test launch');
}

/** What a NIC had in one system and has no longer, or has now and had not. */
function differenceOf(
  id: string,
  { name: nic }: Nic,
  { name, had, has }: { readonly name: string; readonly had: Found; readonly has: Found },
): readonly Check[] {
  const lost = had.ids.filter((one) => !has.ids.includes(one));
  const come = has.ids.filter((one) => !had.ids.includes(one) && !had.unknown.includes(one));
  const unsure = had.unknown.filter((one) => !has.ids.includes(one));
  const remedy = `let ${name} of the source find ${nic} by its name or its address, and look at its addresses after the test launch`;
  const instead = come.length === 0 ? '' : `, and by ${come.join(', ')} instead`;
  // What may have come before is asked first: then it is not known what the NIC had.
  if (lost.length > 0 && unsure.length === 0)
    return [failed(id, `${nic} is no longer found by ${lost.join(', ')} (${name})${instead}`, remedy)];
  if (unsure.length > 0)
    return [
      warning(
        id,
        `it cannot be told whether ${nic} was found by ${unsure.join(', ')} (${name}), and it is not now`,
        remedy,
      ),
    ];
  if (come.length > 0)
    return [warning(id, `${nic} is found by ${come.join(', ')} (${name}) too, which it was not before`, remedy)];
  return [];
}

function referenceChecks({ hardware, before, after }: Compared): readonly Check[] {
  if (hardware.nics.length === 0) return [];
  const was = referencesIn(before, hardware.nics, (nic) => onSource(nic, hardware));
  const is = referencesIn(after, hardware.nics, (nic) => onTarget(nic, hardware));
  if (is.count === 0) return [];
  if (is.lost.length === 0)
    return [passed('network-references', `${is.count} names of networks lead to a NIC or a network`)];
  const old = new Set(was.lost.map(({ id }) => id));
  // What led nowhere on the source leads nowhere on the target: the guest has lived with it.
  return is.lost.map(({ id, message, remedy }) => (old.has(id) ? warning : failed)(id, message, remedy));
}
