import { describe, expect, it } from 'vitest';
import { reportLine, type StageReport } from '#replicator/sentinel/stage/stage-report';
import { bootFailureIn, consoleTail, reportIn } from './console-report.ts';

const report: StageReport = {
  ...{ stage: 'target', migration: 'web', booted: true },
  checks: [{ id: 'booted', verdict: 'passed', message: 'systemd is running', remedy: '' }],
};
const wanted = { stage: 'target', migration: 'web' } as const;

describe('the report on a console', () => {
  it('is the last whole one of this migration and stage, between whatever else is said', () => {
    const later = { ...report, checks: [] };
    const console = [
      '[    1.0] Linux version 6.1',
      reportLine(report),
      reportLine({ ...report, migration: 'other' }),
      reportLine({ ...report, stage: 'test' }),
      `login: ${reportLine(later)}`,
      `${reportLine(report).slice(0, 60)}[    9.0] something of the kernel`,
    ].join('\r\n');
    expect(reportIn(console, wanted)).toEqual(later);
  });

  it.each(['', 'SEALIFT-REPORT ', 'SEALIFT-REPORT {}', 'SEALIFT-REPORT [1]', 'SEALIFT-REPORT {"stage":"target"'])(
    'is none in %j',
    (console) => expect(reportIn(console, wanted)).toBeUndefined(),
  );
});

/** The last lines of guests that did not come up, as their systems print them. */
const debian = `[    4.317283] Run /init as init process
Loading, please wait...
Starting systemd-udevd version 252.39-1~deb12u1
Begin: Loading essential drivers ... done.
Begin: Running /scripts/init-premount ... done.
Begin: Mounting root file system ... Begin: Running /scripts/local-top ... done.
Begin: Running /scripts/local-premount ... done.
Begin: Waiting for root file system ... Begin: Running /scripts/local-block ... done.
done.
Gave up waiting for root file system device.  Common problems:
 - Boot args (cat /proc/cmdline)
   - Check rootdelay= (did the system wait long enough?)
 - Missing modules (cat /proc/modules; ls /dev)
ALERT!  UUID=5ea11f70-0d1e-4c6b-9a8e-000000000001 does not exist.  Dropping to a shell!


BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1) built-in shell (ash)
Enter 'help' for a list of built-in commands.

(initramfs) `;
const panic = `[    1.846125] /dev/root: Can't open blockdev
[    1.846713] VFS: Cannot open root device "UUID=0c1d" or unknown-block(0,0): error -6
[    1.847406] Please append a correct "root=" boot option; here are the available partitions:
[    1.848244] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
[    1.848906] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-41-amd64 #1  Debian 6.1.158-1`;
const dracut = `[  190.404127] dracut-initqueue[311]: Warning: dracut-initqueue: starting timeout scripts
[  191.026310] dracut-initqueue[311]: Warning: Could not boot.
         Starting Dracut Emergency Shell...
Warning: /dev/disk/by-uuid/7d9b40b5-2a0e-4b41-93d3-9e3ddbbd8c0a does not exist

Generating "/run/initramfs/rdsosreport.txt"


Entering emergency mode. Exit the shell to continue.
Type "journalctl" to view system logs.`;

describe('a console', () => {
  it.each([
    [
      debian,
      'the initramfs does not find the root file system: it has no driver for the disk (ALERT!  UUID=5ea11f70-0d1e-4c6b-9a8e-000000000001 does not exist)',
    ],
    [panic, 'the kernel stopped (Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0))'],
    [
      dracut,
      'the initramfs does not find a device that the system needs: it has no driver for the disk (Warning: /dev/disk/by-uuid/7d9b40b5-2a0e-4b41-93d3-9e3ddbbd8c0a does not exist)',
    ],
    [
      'Begin: Running /scripts/local-block ... done.\n(initramfs) ',
      'the initramfs stopped and waits for a person ((initramfs))',
    ],
    [
      'Entering emergency mode. Exit the shell to continue.',
      'the initramfs stopped and waits for a person (Entering emergency mode)',
    ],
  ])('says why a guest will not come up', (console, why) => {
    expect(bootFailureIn(console)).toBe(why);
    expect(bootFailureIn(console.replaceAll('\n', '\r\n'))).toBe(why);
  });

  it('says nothing of a device that was late', () =>
    expect(bootFailureIn('Warning: /dev/sdb1 does not exist\nDebian GNU/Linux 12 web ttyS0\n')).toBeUndefined());

  it('says nothing of a guest that boots', () =>
    expect(bootFailureIn('Debian GNU/Linux 12 web ttyS0\n\nweb login: ')).toBeUndefined());

  it('is kept from its end, without what terminals are told', () => {
    expect(consoleTail('\u001B[0;32m  OK  \u001B[0m started\r\n')).toBe('  OK   started\n');
    expect(consoleTail(`old${'x'.repeat(20_000)}new`)).toMatch(/^x+new$/);
  });
});
