import { constants, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LinkState, TargetError, TargetPlatform, TargetVm, TargetVmPlan } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { guestShell, type GuestShell } from '#replicator/connectors/laboratory/guest/guest-shell';
import {
  endVm,
  askVm,
  pidOf,
  startVm,
  vmFolder,
  type VmFolder,
} from '#replicator/connectors/laboratory/machine/kept-vm';
import { plugAndRemember, rememberedLinks, rememberLinks } from '#replicator/connectors/laboratory/machine/links';
import { locateProgram } from '#replicator/connectors/laboratory/programs';
import { oneAtATime, type OneAtATime } from '#replicator/one-at-a-time';
import { describeQmpError } from '#replicator/qmp/error';
import { targetArguments, unbuildable, type FirmwareFiles } from './hardware.ts';

/** Where the platform keeps its VMs. */
export interface LaboratoryTargetOptions {
  /** A folder with one folder for each VM. Its path must be short: there are sockets in it. */
  readonly directory: string;
  /**
   * UEFI's code and the variables a new VM begins with, from a build that can boot from the controller of the plan. Not
   * given, VMs with UEFI are refused: OVMF as Debian 12 builds it sees no disk on pvscsi or LSI SAS.
   */
  readonly uefi?: FirmwareFiles;
}

/** A target platform with what a laboratory has beside it. */
export interface LaboratoryTarget extends TargetPlatform {
  /** The root shell of the laboratory guest in a VM, for looking into what it became. */
  shell(name: string): GuestShell;
}

const planName = 'plan.json';
const vmName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/**
 * A target platform on this machine: QEMU in software emulation with vSphere's virtual hardware (`hardware.ts`). All it
 * knows is in its folder, so that another process finds the VMs again; they outlive the one that started them. Consoles
 * of VMs that were removed are kept in `consoles/`. What is asked for one VM is done in turn: two launches at once are a
 * launch and one that finds the VM.
 */
export function laboratoryTarget({ directory, uefi }: LaboratoryTargetOptions): LaboratoryTarget {
  const place = resolve(directory);
  const home = (name: string): string => join(place, 'vms', name);
  const known = async (name: string): Promise<TargetVmPlan | undefined> => {
    if (!vmName.test(name)) return undefined;
    const text = await readFile(join(home(name), planName), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as TargetVmPlan);
  };
  const seen = async (name: string): Promise<TargetVm> => ({
    name,
    power: (await pidOf(vmFolder(home(name)))) === undefined ? 'off' : 'running',
    links: (await rememberedLinks(home(name))) ?? 'disconnected',
  });

  return inTurnForEachVm({
    async find(name) {
      return ok((await known(name)) === undefined ? undefined : await seen(name));
    },
    async launch(plan, links) {
      const cannot = vmName.test(plan.name) ? unbuildable(plan) : `a name of up to 40 letters, digits, dots and dashes`;
      if (cannot !== undefined) return refused('launch', cannot);
      const before = await known(plan.name);
      if (before !== undefined && !isDeepStrictEqual(before, JSON.parse(JSON.stringify(plan))))
        return refused('launch', `there is a VM ${plan.name} already, made from another plan`);
      const launched = await start(home(plan.name), { plan, links, uefi });
      return launched.ok ? ok(await seen(plan.name)) : launched;
    },
    async setLinks(name, links) {
      const plan = await known(name);
      if (plan === undefined) return err({ type: 'NotFound', name });
      const folder = vmFolder(home(name));
      if ((await pidOf(folder)) === undefined) {
        await rememberLinks(home(name), links);
        return ok(undefined);
      }
      return await plugged('setLinks', home(name), { folder, nics: plan.nics.length, state: links });
    },
    async powerOff(name) {
      if ((await known(name)) === undefined) return err({ type: 'NotFound', name });
      return ended('powerOff', await endVm(vmFolder(home(name))));
    },
    async remove(name) {
      if ((await known(name)) === undefined) return ok(undefined);
      const off = ended('remove', await endVm(vmFolder(home(name))));
      if (!off.ok) return off;
      await keepConsole(place, name);
      await rm(home(name), { recursive: true, force: true });
      return ok(undefined);
    },
    async console(name) {
      if ((await known(name)) === undefined) return err({ type: 'NotFound', name });
      return ok(await readFile(vmFolder(home(name)).console, 'utf8').catch(() => ''));
    },
    shell: (name) => guestShell(vmFolder(home(name)).shell),
    close: () => Promise.resolve(),
  });
}

/** Two changes of one VM are never under way at once: the second finds what the first has made. */
function inTurnForEachVm(target: LaboratoryTarget): LaboratoryTarget {
  const turns = new Map<string, OneAtATime>();
  const inTurn = <T>(name: string, change: () => Promise<T>): Promise<T> => {
    const turn = turns.get(name) ?? oneAtATime();
    turns.set(name, turn);
    return turn.alone(change);
  };
  return {
    find: (name) => target.find(name),
    launch: (plan, links) => inTurn(plan.name, () => target.launch(plan, links)),
    setLinks: (name, links) => inTurn(name, () => target.setLinks(name, links)),
    powerOff: (name) => inTurn(name, () => target.powerOff(name)),
    remove: (name) => inTurn(name, () => target.remove(name)),
    console: (name) => target.console(name),
    shell: (name) => target.shell(name),
    close: () => target.close(),
  };
}

/** Makes what is missing and starts what does not run. */
async function start(
  home: string,
  {
    plan,
    links,
    uefi,
  }: { readonly plan: TargetVmPlan; readonly links: LinkState; readonly uefi: FirmwareFiles | undefined },
): Promise<Result<void, TargetError>> {
  const qemu = locateProgram('qemu-system-x86_64');
  if (qemu === undefined) return refused('launch', 'qemu-system-x86_64 is not installed; install qemu-system-x86');
  const folder = vmFolder(home);
  if ((await pidOf(folder)) === undefined) {
    await mkdir(home, { recursive: true });
    const firmware = await firmwareOf(plan, { home, uefi });
    if (!firmware.ok) return firmware;
    await writeFile(join(home, `${planName}.new`), JSON.stringify(plan));
    await rename(join(home, `${planName}.new`), join(home, planName));
    // Before it runs: a VM without a note counts as disconnected, and one that is less connected than its note is none.
    await rememberLinks(home, links);
    const started = await startVm(qemu, folder, targetArguments(plan, firmware.value));
    if (!started.ok) return refused('launch', started.error);
  } else if (!(await isWaiting(folder))) return ok(undefined);
  // It stands before its first instruction, by us or by a manager that died here.
  const state = (await rememberedLinks(home)) ?? links;
  const connected = await plugged('launch', home, { folder, nics: plan.nics.length, state });
  if (!connected.ok) return connected;
  const running = await askVm(folder, 'cont');
  return running.ok ? ok(undefined) : err({ type: 'Unreachable', operation: 'launch', detail: running.error });
}

async function firmwareOf(
  plan: TargetVmPlan,
  { home, uefi }: { readonly home: string; readonly uefi: FirmwareFiles | undefined },
): Promise<Result<FirmwareFiles | undefined, TargetError>> {
  if (plan.firmware === 'bios') return ok(undefined);
  if (uefi === undefined)
    return refused('launch', 'no UEFI firmware that can boot from pvscsi or LSI SAS was named; give one as `uefi`');
  const variables = join(home, 'uefi-variables.fd');
  try {
    // The VM's own from its first start on: what its firmware learned is kept when it is started again.
    await copyFile(uefi.variables, variables, constants.COPYFILE_EXCL);
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    if (!isThere) return refused('launch', `${uefi.variables} is not there`);
  }
  return ok({ code: uefi.code, variables });
}

async function isWaiting(folder: VmFolder): Promise<boolean> {
  const status = await askVm(folder, 'query-status');
  return status.ok && (status.value as { readonly status?: unknown }).status === 'prelaunch';
}

async function plugged(
  operation: string,
  home: string,
  what: Parameters<typeof plugAndRemember>[1],
): Promise<Result<void, TargetError>> {
  const done = await plugAndRemember(home, what);
  if (done.ok) return done;
  const detail = describeQmpError(done.error);
  return done.error.type === 'CommandFailed'
    ? refused(operation, detail)
    : err({ type: 'Unreachable', operation, detail });
}

async function keepConsole(place: string, name: string): Promise<void> {
  const consoles = join(place, 'consoles');
  await mkdir(consoles, { recursive: true });
  const before = (await readdir(consoles)).filter((file) => file.startsWith(`${name}-`)).length;
  const { console } = vmFolder(join(place, 'vms', name));
  await rename(console, join(consoles, `${name}-${before + 1}.log`)).catch(() => {}); // It never ran.
}

const ended = (operation: string, off: Result<void, string>): Result<void, TargetError> =>
  off.ok ? off : refused(operation, off.error);

const refused = (operation: string, detail: string): Result<never, TargetError> =>
  err({ type: 'Refused', operation, detail });
