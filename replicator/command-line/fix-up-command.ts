import { readFile, writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import {
  describeFixUpError,
  type FixUpDisk,
  type FixUpError,
  type FixUpPlan,
  type FixUpTarget,
} from '#core/ports/fix-up';
import type { Result } from '#core/result';
import { exitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import { nicOf } from './arguments.ts';
import type { CommandTools } from './command-tools.ts';

interface Common {
  readonly format?: FixUpDisk['format'];
  readonly json?: true;
}
interface TargetOptions extends Common {
  readonly targetController: FixUpTarget['controller'];
  readonly targetNic: FixUpTarget['nicModel'];
  readonly nic: FixUpTarget['nics'];
  readonly stage?: string;
}
interface PlanOptions extends TargetOptions {
  readonly output?: string;
}
interface ApplyOptions extends TargetOptions {
  readonly plan?: string;
  readonly inPlace?: true;
}

/** Adds `fixup` with its parts: inspect, plan, apply, verify, undo. */
export function addFixUpCommands(program: Command, tools: CommandTools): void {
  const fixUp = program
    .command('fixup')
    .description('change a replica so that its guest boots on vSphere hardware: read the plan before it is applied');
  addInspect(fixUp, tools);
  addPlan(fixUp, tools);
  addApply(fixUp, tools);
  addVerify(fixUp, tools);
  addUndo(fixUp, tools);
}

function onDisks(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .argument('<disks...>', 'images of all disks of the guest, the boot disk first, in the order they had')
    .addOption(
      new Option('--format <format>', 'format of the images; without it qcow2 if a name ends so, else raw').choices([
        'raw',
        'qcow2',
      ]),
    )
    .option('--json', 'one JSON document instead of text');
}

const forTarget = (command: Command): Command =>
  command
    .addOption(
      new Option('--target-controller <model>', 'what the disks will be attached to')
        .choices(['pvscsi', 'lsisas'])
        .default('pvscsi'),
    )
    .addOption(
      new Option('--target-nic <model>', 'what the NICs will be').choices(['vmxnet3', 'e1000e']).default('vmxnet3'),
    )
    .addOption(
      new Option(
        '--nic <name=mac[,mac]>',
        'a NIC: the name it has in the guest and keeps, its address on the target, and the address it had if that was another one; repeat for each',
      )
        .argParser(nicOf)
        .default([], 'names may change'),
    )
    .option('--stage <file>', 'a file whose content tells the sentinel in the replica what it is there for');

// An image is never probed for its format: a guest may write what it likes at the start of a raw disk.
const disksOf = (paths: readonly string[], { format }: Common): readonly FixUpDisk[] =>
  paths.map((path) => ({ path, format: format ?? (path.endsWith('.qcow2') ? 'qcow2' : 'raw') }));

function addInspect(parent: Command, { terminal, interrupts }: CommandTools): void {
  onDisks(parent, 'inspect', 'say what a guest is, from its disks alone; changes nothing').action(
    async (paths: readonly string[], options: Common) => {
      const { libguestfsFixUp } = await import('#replicator/fixup/fix-up');
      const { imageLines } = await import('#replicator/fixup/plan-text');
      const image = valueOf(await libguestfsFixUp({ signal: interrupts() }).inspect(disksOf(paths, options)));
      if (options.json) terminal.print(JSON.stringify(image));
      else for (const line of imageLines(image)) terminal.print(line);
    },
  );
}

function addPlan(parent: Command, { terminal, interrupts, setStatus }: CommandTools): void {
  forTarget(onDisks(parent, 'plan', 'show every edit that is needed, as a difference; changes nothing'))
    .option('--output <file>', 'also write the plan to this new file, for apply --plan')
    .action(async (paths: readonly string[], options: PlanOptions) => {
      const { libguestfsFixUp } = await import('#replicator/fixup/fix-up');
      const { planLines } = await import('#replicator/fixup/plan-text');
      const target = await targetOf(options);
      const plan = valueOf(await libguestfsFixUp({ signal: interrupts() }).plan(disksOf(paths, options), target));
      if (options.output !== undefined) await writeNew(options.output, `${JSON.stringify(plan, null, 2)}\n`);
      if (options.json) terminal.print(JSON.stringify(plan));
      else for (const line of planLines(plan)) terminal.print(line);
      setStatus(hasFailed(plan.findings) ? exitStatus.blocked : exitStatus.done);
    });
}

function addApply(parent: Command, tools: CommandTools): void {
  forTarget(onDisks(parent, 'apply', 'make the edits in an overlay beside each disk, which itself stays as it is'))
    .option('--plan <file>', 'the plan to apply, instead of a new one')
    .option('--in-place', 'edit the images themselves; as they were they are kept until "fixup undo" or by hand')
    .action(async (paths: readonly string[], options: ApplyOptions) => {
      const { applyCommand } = await import('#replicator/fixup/apply-command');
      const { terminal, interrupts, setStatus } = tools;
      const target = await targetOf(options);
      const applied = valueOf(
        await applyCommand({
          disks: disksOf(paths, options),
          target,
          session: { signal: interrupts() },
          inPlace: options.inPlace === true,
          onEdit: ({ what }, number, of) => terminal.note(`${number}/${of} ${what}`),
          ...(options.plan !== undefined && { plan: await readPlan(options.plan) }),
        }),
      );
      if (options.json) terminal.print(JSON.stringify(applied));
      else {
        const { checkLines } = await import('#replicator/fixup/plan-text');
        if (applied.blocked) for (const line of checkLines(applied.plan.findings)) terminal.print(line);
        const count = applied.plan.edits.length;
        terminal.print(
          applied.blocked
            ? 'nothing was edited'
            : `${count} edits made in ${applied.disks.map(({ path }) => path).join(', ')}`,
        );
      }
      setStatus(applied.blocked ? exitStatus.blocked : exitStatus.done);
    });
}

function addVerify(parent: Command, { terminal, interrupts, setStatus }: CommandTools): void {
  forTarget(
    onDisks(parent, 'verify', 'look whether the guest has what it needs to boot; looks at overlays where there are'),
  )
    .option('--plan <file>', 'the plan whose edits are to be in the image')
    .action(async (paths: readonly string[], options: ApplyOptions) => {
      const { verifyCommand } = await import('#replicator/fixup/apply-command');
      const { checkLines } = await import('#replicator/fixup/plan-text');
      const plan = options.plan === undefined ? undefined : await readPlan(options.plan);
      const target = await targetOf(options);
      const checks = valueOf(await verifyCommand(disksOf(paths, options), target, plan, { signal: interrupts() }));
      if (options.json) terminal.print(JSON.stringify(checks));
      else for (const line of checkLines(checks)) terminal.print(line);
      setStatus(hasFailed(checks) ? exitStatus.blocked : exitStatus.done);
    });
}

function addUndo(parent: Command, { terminal, setStatus }: CommandTools): void {
  onDisks(parent, 'undo', 'take the overlays away, or put images back that were edited in place').action(
    async (paths: readonly string[], options: Common) => {
      const { undoCommand } = await import('#replicator/fixup/apply-command');
      const undone = valueOf(await undoCommand(disksOf(paths, options)));
      if (options.json) terminal.print(JSON.stringify(undone));
      else {
        for (const path of undone.removed) terminal.print(`removed ${path}`);
        for (const path of undone.restored) terminal.print(`put back ${path}`);
        if (undone.removed.length + undone.restored.length === 0) terminal.print('there was nothing to undo');
      }
      setStatus(exitStatus.done);
    },
  );
}

const hasFailed = (checks: readonly { readonly verdict: string }[]): boolean =>
  checks.some(({ verdict }) => verdict === 'failed');

async function targetOf({ targetController, targetNic, nic, stage }: TargetOptions): Promise<FixUpTarget> {
  return {
    controller: targetController,
    nicModel: targetNic,
    nics: nic,
    ...(stage !== undefined && { stage: await readText(stage) }),
  };
}

async function readPlan(path: string): Promise<FixUpPlan> {
  const { parsePlan } = await import('#replicator/fixup/plan-file');
  const parsed = parsePlan(await readText(path));
  if (!parsed.ok) throw new Refused(`${path} is no plan of a fix-up: ${parsed.error}`);
  return parsed.value;
}

const readText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw new Refused(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  });

const writeNew = (path: string, text: string): Promise<void> =>
  writeFile(path, text, { flag: 'wx' }).catch((error: unknown) => {
    throw new Refused(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  });

function valueOf<T>(result: Result<T, FixUpError>): T {
  if (result.ok) return result.value;
  const statuses = {
    Unsupported: exitStatus.blocked,
    ToolMissing: exitStatus.unavailable,
    ToolFailed: exitStatus.failed,
    ImageUnusable: exitStatus.unavailable,
  } as const;
  throw new Refused(describeFixUpError(result.error), statuses[result.error.type]);
}
