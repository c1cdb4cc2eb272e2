import type { Edit, GuestImage } from '#core/ports/fix-up';
import type { WindowsGuest } from '#core/ports/windows-guest';
import { fixUpSystem } from '#replicator/fixup/system';
import { dword, hiveRoots, inSet, keyWith, lookupIn, numberIn, registryEdit } from './registry.ts';

/*
 * What is done at the first boot on the target. Windows has a place for that, which needs neither a program to be
 * installed nor anybody to log on: the command of its setup, run by the system before the logon. It is run again at every
 * boot until it is taken away, so the script takes it away first.
 */

/** The key of Windows' setup. */
export const setupKey = `${hiveRoots.system}\\Setup`;
const command = 'cmd.exe /d /c "%SystemRoot%\\Sealift\\first-boot.cmd"';
// Setup is over, and the command is run before the logon without a boot after it.
const runBeforeLogon = 2;

/** Where the script is in the guest. */
export const scriptPath = ({ folder }: Pick<WindowsGuest, 'folder'>): string => `${folder}/Sealift/first-boot.cmd`;

const restartLine =
  '%reg% add "HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl" /v AutoReboot /t REG_DWORD /d 1 /f';

/** The script. Windows reads commands with the ends of lines it writes itself. */
const scriptText = (restartsAfterStop: boolean): string =>
  [
    '@echo off',
    'rem Written by Sealift. Windows runs this once, at the first boot on the target, before anybody can log on.',
    'set reg="%SystemRoot%\\System32\\reg.exe"',
    'set log="%SystemRoot%\\Sealift\\first-boot.log"',
    'echo %DATE% %TIME% the first boot on the target >> %log%',
    'rem Setup is told first that nothing is left to run: whatever comes after, this does not run again.',
    '%reg% add "HKLM\\SYSTEM\\Setup" /v SetupType /t REG_DWORD /d 0 /f >> %log% 2>&1',
    '%reg% add "HKLM\\SYSTEM\\Setup" /v CmdLine /t REG_SZ /d "" /f >> %log% 2>&1',
    ...(restartsAfterStop
      ? ['rem Windows restarts after a stop error again, as it did before.', `${restartLine} >> %log% 2>&1`]
      : []),
    'echo %DATE% %TIME% done >> %log%',
    'exit /b 0',
    '',
  ].join('\r\n');

/** Whether Windows restarts after a stop error, now or once the script has run: then the script puts that back. */
export function restartsAfterStop({ files }: GuestImage, windows: WindowsGuest): boolean {
  const look = lookupIn(windows);
  const now = windows.controlSets.some(
    // It does unless it is told otherwise.
    (set) => (numberIn(look, crashKey(set), 'AutoReboot') ?? 1) !== 0,
  );
  return now || (files[scriptPath(windows)] ?? '').includes(restartLine);
}

/** What Windows does after a stop error. */
export const crashKey = (set: string): string => inSet(set, 'Control\\CrashControl');

/** A script that is run once, at the first boot. */
export const firstBoot = fixUpSystem<WindowsGuest>('first-boot', {
  collect: ({ windows }) => windows,
  render: (windows, { image }) => ({
    edits: [
      ...scriptEdit(image, windows),
      ...registryEdit(
        windows,
        {
          id: 'first-boot:setup',
          what: 'run that script at the first boot, once',
          why: 'what has to be done in the running Windows is done before anybody logs on; the script takes this away as the first thing it does',
        },
        [keyWith(setupKey, { SetupType: dword(runBeforeLogon), CmdLine: { type: 'string', text: command } })],
      ),
    ],
    findings: [],
  }),
});

function scriptEdit(image: GuestImage, windows: WindowsGuest): readonly Edit[] {
  const path = scriptPath(windows);
  const before = image.files[path];
  const after = scriptText(restartsAfterStop(image, windows));
  if (before === after) return [];
  return [
    {
      id: `first-boot:${path}`,
      what: 'write what is done at the first boot on the target',
      why: 'some of it can be done only by the running Windows',
      path,
      after,
      ...(before !== undefined && { before, keeps: `${path}.sealift-before` }),
    },
  ];
}

/** Whether the registry has Windows run the script at its next boot. */
export function runsFirstBoot(windows: WindowsGuest): boolean {
  const values = lookupIn(windows)(setupKey);
  const text = values?.['CmdLine'];
  return (
    numberIn(lookupIn(windows), setupKey, 'SetupType') === runBeforeLogon &&
    text?.type === 'string' &&
    text.text === command
  );
}
