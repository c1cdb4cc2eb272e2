import type { GuestImage } from '#core/ports/fix-up';
import { isOldDriver, macOf, type Nic } from './network.ts';

/** One rule of udev that gives a NIC its name. */
interface NameRule {
  readonly name: string;
  /** The address it is for, or undefined if it asks for something else. */
  readonly mac?: string;
  /** Whether it asks for hardware that stays behind: a driver, a slot, ids of a card. */
  readonly isOldHardware: boolean;
}

const header = '# Written by Sealift: NICs keep the names they had.';

/** Names given by rules that ask for an address, in the order in which udev reads them. */
export const namesByRule = (files: GuestImage['files']): readonly Nic[] =>
  Object.keys(files)
    .filter((path) => path.startsWith('/etc/udev/rules.d/'))
    .toSorted()
    .flatMap((path) => (files[path] ?? '').split('\n'))
    .flatMap((line) => {
      const rule = ruleIn(line);
      return rule?.mac === undefined || rule.isOldHardware ? [] : [{ name: rule.name, mac: rule.mac }];
    });

/**
 * Rules after which no NIC gets a name by hardware that stays behind, or another than its own. What is taken out becomes a
 * comment. `own` are NICs that these rules are to name; `all` are those whose names are kept, here or elsewhere.
 */
export function withRules(text: string | undefined, own: readonly Nic[], all: readonly Nic[]): string | undefined {
  const lines = (text ?? '').split('\n').map((line) => {
    const rule = ruleIn(line);
    const nic = all.find(({ mac }) => mac === rule?.mac);
    const isOurs = all.some(({ name }) => name === rule?.name);
    const isWrong = rule !== undefined && ((isOurs && rule.isOldHardware) || isOtherNic(rule, nic, all));
    return isWrong ? `# ${line}` : line;
  });
  const there = new Set(lines.flatMap((line) => ruleIn(line)?.mac ?? []));
  const missing = own.filter(({ mac }) => !there.has(mac)).map(ruleFor);
  if (missing.length === 0) return text === undefined ? undefined : lines.join('\n');
  const before = text === undefined ? '' : lines.join('\n').replace(/\n?$/, '\n');
  return `${before}${before.includes(header) ? '' : `${header}\n`}${missing.join('\n')}\n`;
}

/** A name by an address that is another NIC's, or that nobody has while its name is taken: then the NIC could not get it. */
const isOtherNic = ({ name, mac }: NameRule, nic: Nic | undefined, all: readonly Nic[]): boolean =>
  mac !== undefined && (nic === undefined ? all.some((one) => one.name === name) : nic.name !== name);

const ruleFor = ({ mac, name }: Nic): string =>
  `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${mac}", NAME="${name}"`;

function ruleIn(line: string): NameRule | undefined {
  if (line.trimStart().startsWith('#')) return undefined;
  const name = /\bNAME="([^"]+)"/.exec(line)?.[1];
  if (name === undefined) return undefined;
  const mac = /\bATTRS?\{address\}=="([^"]+)"|\bSYSFS\{address\}=="([^"]+)"/.exec(line)?.slice(1).find(Boolean);
  const driver = /\bDRIVERS?=="([^"]+)"/.exec(line)?.[1];
  const isPlace = /\b(?:KERNELS|ID|DEVPATH|ENV\{ID_PATH\}|ENV\{ID_NET_NAME_\w+\}|ATTRS?\{(?:vendor|device)\})==/.test(
    line,
  );
  // "?*" is any driver, which asks only whether there is hardware at all.
  const isDriver = driver !== undefined && driver !== '?*' && driver !== '*' && isOldDriver(driver);
  return { name, ...(mac !== undefined && { mac: macOf(mac) }), isOldHardware: isPlace || isDriver };
}
