import { Option, type Command } from 'commander';
import { sourcePlatforms, type SourcePlatform } from '#core/migration/plan';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import { formatPlural } from '#core/text/format';
import { countOf } from '#replicator/command-line/arguments';
import { inventoryFormats, type InventoryFormat } from '#scenarios/import/format-names';
import { profileNames, profiles, type ProfileName } from '#simulator/estate/profiles';
import { naturalOf } from './arguments.ts';
import type { ReadBytes } from './read-bytes.ts';

/** What the command needs of the process it runs in. */
export interface EstateSite {
  readonly terminal: Terminal;
  readonly readBytes: ReadBytes;
  readonly setStatus: (status: ExitStatus) => void;
}

interface GenerateArguments {
  readonly profile: ProfileName;
  readonly vms: number;
  readonly seed: number;
  readonly hosts?: number;
  readonly json?: true;
}

interface ImportArguments {
  readonly format?: InventoryFormat;
  readonly platform?: SourcePlatform;
  readonly host?: string;
  readonly poweredOff: 'skip' | 'keep';
  readonly skipInvalid?: true;
  readonly json?: true;
}

const jsonOption = (): Option =>
  new Option(
    '--json',
    'the estate as JSON, which a scenario can name too; what there is to say as one document per line',
  );

/** Adds `sealift estate`. */
export function addEstateCommand(program: Command, site: EstateSite): void {
  const estate = program
    .command('estate')
    .description('make the estate file that a scenario names: hosts and VMs, from a seed or from an inventory');
  estate
    .command('generate')
    .description('print an estate made from a seed: the same seed, the same estate')
    .addOption(new Option('--profile <name>', 'the kind of organisation').choices(profileNames).default('mixed'))
    .requiredOption('--vms <count>', 'how many VMs', vmsOf)
    .option('--hosts <count>', 'how many hosts; one for twenty VMs if not given', countOf)
    .option('--seed <number>', 'what chance draws from', naturalOf, 1)
    .addOption(jsonOption())
    .addHelpText('after', `\nProfiles:\n${profileLines()}`)
    .action((options: GenerateArguments) => generate(options, site));
  estate
    .command('import')
    .description('print the estate in the files of an inventory, and say what had to be assumed or left out')
    .argument(
      '<files...>',
      "sheets in the manner of RVTools (vInfo, vDisk), XML of `virsh dumpxml` and `virsh vol-dumpxml`, text of `virsh domblkinfo`, JSON of Prism's v3 vms/list, or of `Get-VM` and `Get-VHD`",
    )
    .addOption(
      new Option('--format <name>', 'the format of all files, where it cannot be told from them').choices(
        inventoryFormats,
      ),
    )
    .addOption(
      new Option('--platform <name>', 'where the VMs of a sheet are that does not say it').choices(sourcePlatforms),
    )
    .option('--host <name>', 'the host of VMs whose host is not said, as libvirt never does')
    .addOption(
      new Option('--powered-off <policy>', 'whether to take over what is powered off')
        .choices(['skip', 'keep'])
        .default('skip'),
    )
    .option('--skip-invalid', 'leave out what cannot be read, instead of printing nothing')
    .addOption(jsonOption())
    .action((files: readonly string[], options: ImportArguments) => importFiles(files, options, site));
}

const vmsMax = 100_000;
function vmsOf(text: string): number {
  const count = countOf(text);
  if (count > vmsMax) throw new Refused(`--vms ${text} is more than the ${vmsMax} VMs that an estate may have`);
  return count;
}

const profileLines = (): string => profileNames.map((name) => `  ${name.padEnd(13)} ${profiles[name].what}`).join('\n');

async function generate(
  { profile, vms, hosts, seed, json }: GenerateArguments,
  { terminal }: EstateSite,
): Promise<void> {
  const { generateFleet } = await import('#simulator/estate/generate');
  const { seededRng } = await import('#simulator/kernel/seeded-rng');
  const { estateDocument, estateYaml } = await import('#scenarios/estate-text');
  const fleet = generateFleet(seededRng(seed), { vms, hosts, profile, link: 'wan' });
  const document = estateDocument(fleet, `${formatPlural(vms, 'VM')} of the profile "${profile}", seed ${seed}`);
  const command = `sealift estate generate --profile ${profile} --vms ${vms}${hosts === undefined ? '' : ` --hosts ${hosts}`} --seed ${seed}`;
  const comments = [
    `Made by: ${command}`,
    `The profile "${profile}": ${profiles[profile].what}.`,
    'Roles, applications, sizes and writes are assumed; no inventory stands behind them.',
  ];
  terminal.print(json ? JSON.stringify(document) : estateYaml(document, comments).trimEnd());
}

async function importFiles(
  files: readonly string[],
  { format, platform, host, poweredOff, skipInvalid, json }: ImportArguments,
  { terminal, readBytes, setStatus }: EstateSite,
): Promise<void> {
  const { decodeText } = await import('#scenarios/import/decode-text');
  const { usualAssumptions } = await import('#scenarios/import/fleet-of-inventory');
  const { importEstate } = await import('#scenarios/import/import-estate');
  const { problemJson, problemLines } = await import('./estate-problem-lines.ts');
  const { estateDocument, estateYaml } = await import('#scenarios/estate-text');
  const texts: { name: string; text: string }[] = [];
  for (const name of files) {
    const read = await readBytes(name);
    if (!read.ok) throw new Refused(`${name} cannot be read (${read.error}); give the files of an inventory`);
    texts.push({ name, text: decodeText(read.value) });
  }
  const { fleet, problems, assumed, leftOut } = importEstate(texts, {
    ...{ format, poweredOff, assumptions: { ...usualAssumptions, host, platform } },
  });
  for (const line of json ? problems.map(problemJson) : problemLines(problems)) terminal.note(line);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (fleet.vms.length === 0 || (errors > 0 && !skipInvalid)) {
    const rest = fleet.vms.length > 0 ? '; correct them, or leave them out with --skip-invalid' : '';
    if (!json) terminal.note(`sealift: nothing is printed because of ${formatPlural(errors, 'error')}${rest}`);
    return setStatus(exitStatus.usage);
  }
  if (!json) for (const line of assumed) terminal.note(line);
  const document = estateDocument(
    fleet,
    `${formatPlural(fleet.vms.length, 'VM')} from ${files.length === 1 ? files[0] : `${files.length} files`}`,
  );
  const comments = [...fromLines(files), ...assumed, ...problemLines(problems)];
  terminal.print(json ? JSON.stringify(document) : estateYaml(document, comments).trimEnd());
  const others = leftOut > 0 ? `; ${formatPlural(leftOut, 'VM')} left out` : '';
  if (!json)
    terminal.note(
      `taken over: ${formatPlural(fleet.vms.length, 'VM')} on ${formatPlural(fleet.hosts.length, 'host')}${others}`,
    );
}

const fromLines = (files: readonly string[]): readonly string[] => [
  `Imported from ${files.slice(0, 5).join(', ')}${files.length > 5 ? ` and ${files.length - 5} more` : ''}.`,
];
