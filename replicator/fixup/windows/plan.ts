import type { Check } from '#core/migration/facts';
import type { Edit, FixUpError, FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import type { WindowsGuest, WindowsVolume } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import type { FixUpSystem } from '#replicator/fixup/system';
import { bootDrivers, nicDriver } from './boot-drivers.ts';
import { roomFindings, windowsFindings } from './findings.ts';
import { firstBoot, runsFirstBoot, setupKey } from './first-boot.ts';
import { lookupIn, numberIn } from './registry.ts';
import { oldAgents, sanPolicy, stopErrors } from './settings.ts';

/** What a Windows guest consists of for a fix-up, in the order in which it is edited. */
const windowsSystems: readonly FixUpSystem[] = [
  ...[bootDrivers, nicDriver],
  ...[sanPolicy, oldAgents],
  ...[stopErrors, firstBoot],
];

/** What to change so that this Windows boots on that target. Pure: the same image gives the same plan. */
export function planWindows(
  image: GuestImage,
  windows: WindowsGuest,
  target: FixUpTarget,
): Result<FixUpPlan, FixUpError> {
  const refusal = refusalOf(image, windows);
  if (refusal !== undefined) return err(refusal);
  const edits: Edit[] = [];
  const findings: Check[] = [];
  for (const system of windowsSystems) {
    const planned = system.plan({ image, target, planned: edits });
    edits.push(...planned.edits);
    findings.push(...planned.findings);
  }
  findings.push(...windowsFindings(image, windows, target));
  if (edits.length > 0) findings.push(...roomFindings(image));
  const { controller, nicModel } = target;
  return ok({
    version: 1,
    guest: { family: image.os.family, name: image.os.name, kernels: [image.os.version] },
    target: { controller, nicModel },
    edits,
    findings,
  });
}

const oldestBuild = 7600;
const shutDown = 'start it in the source and shut it down in full: shutdown /s /f /t 0';

const volumeRefusals: Readonly<Record<WindowsVolume['state'], string | undefined>> = {
  clean: undefined,
  hibernated: `holds a session that hibernation or fast startup kept, which would write over what is changed; turn that off (powercfg /hibernate off), ${shutDown}`,
  unclean: `was not closed in order, so that changes are in its journal only; ${shutDown}`,
  dirty: 'is marked to be checked; let Windows check it in the source (chkdsk /f) and shut it down',
  damaged: 'cannot be read as a whole; let Windows check it in the source (chkdsk /f) and shut it down',
};

/** What cannot be fixed up, and is not tried. */
function refusalOf({ os }: GuestImage, windows: WindowsGuest): FixUpError | undefined {
  const refuse = (what: string, detail: string): FixUpError => ({ type: 'Unsupported', what, detail });
  const { volume, hives, architecture, build, controlSets } = windows;
  const trouble = volumeRefusals[volume.state];
  if (trouble !== undefined) {
    const what = volume.state === 'hibernated' ? 'a hibernated Windows' : `a Windows with a ${volume.state} volume`;
    return refuse(what, `${volume.device} ${trouble}`);
  }
  const unfinished = Object.values(hives).filter(({ isClean }) => !isClean);
  if (unfinished.length > 0)
    return refuse(
      'a Windows whose registry was not written in full',
      `the newest of ${unfinished.map(({ path }) => path).join(', ')} is in its logs only; ${shutDown}`,
    );
  if (build < oldestBuild)
    return refuse(os.name, `it is older than Windows 7 and 2008 R2 (build ${build} of ${oldestBuild})`);
  if (architecture !== 'x64' && architecture !== 'x86')
    return refuse(os.name, `vSphere runs x64 and x86, and this Windows is for ${architecture} hardware`);
  if (controlSets.length === 0)
    return refuse(os.name, 'its registry names no control set that is there, so what it starts from is not known');
  return setupRefusal(os.name, windows);
}

/** A Windows that is not set up yet runs its own command at the next boot, and that place is not free. */
function setupRefusal(name: string, windows: WindowsGuest): FixUpError | undefined {
  const look = lookupIn(windows);
  const isOurs = runsFirstBoot(windows);
  const pending = ['SystemSetupInProgress', 'OOBEInProgress', ...(isOurs ? [] : ['SetupType'])].filter(
    (value) => (numberIn(look, setupKey, value) ?? 0) !== 0,
  );
  if (pending.length === 0) return undefined;
  return {
    type: 'Unsupported',
    what: `${name} whose setup is not finished`,
    detail: `${setupKey} has ${pending.join(', ')}; start it in the source and let its setup end`,
  };
}
