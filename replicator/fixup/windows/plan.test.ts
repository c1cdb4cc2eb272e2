import { describe, expect, it } from 'vitest';
import type { FixUpPlan, FixUpTarget } from '#core/ports/fix-up';
import { planFixUp } from '#replicator/fixup/plan';
import { parsePlan } from '#replicator/fixup/plan-file';
import { imageLines, planLines } from '#replicator/fixup/plan-text';
import { verifyImage } from '#replicator/fixup/verify';
import { device } from '#test/support/guest-samples';
import { valueOf } from '#test/support/value-of';
import {
  afterWindowsEdits,
  changed,
  controlSet,
  multi,
  server2008,
  server2022,
  system,
  sz,
  versioned,
  windowsImage,
  windowsPlan,
  windowsTarget,
  type WindowsSample,
} from '#test/support/windows-samples';
import { dword } from './registry.ts';

const set = `${system}\\ControlSet001`;
const services = `${set}\\Services`;
const edit = ({ edits }: FixUpPlan, id: string) => {
  const found = edits.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no edit ${id} among ${edits.map((one) => one.id).join(' ')}`);
  return found;
};
const findings = async (sample: WindowsSample, wanted: Partial<FixUpTarget> = {}) =>
  (await windowsPlan(sample, wanted)).findings.map(({ id, verdict }) => `${verdict} ${id}`);
const failing = async (sample: WindowsSample, plan: FixUpPlan) =>
  verifyImage(await windowsImage(sample), plan)
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ id }) => id);

describe.each([
  ['Windows Server 2022', server2022],
  ['Windows Server 2008 R2', server2008],
] as const)('a plan for %s', (_, sample) => {
  it('says of every edit what and why, and keeps every hive', async () => {
    const { edits } = await windowsPlan(sample);
    for (const one of edits) {
      expect(one.what, one.id).not.toBe('');
      expect(one.why, one.id).not.toBe('');
      if (one.hive !== undefined) {
        expect(one.hive).toBe(system);
        expect(one.path).toBe('/Windows/System32/config/SYSTEM');
        expect(one.keeps).toBe('/Windows/System32/config/sealift-before/SYSTEM');
        expect(one.before).not.toBe(one.after);
      }
    }
    expect(new Set(edits.map(({ id }) => id)).size).toBe(edits.length);
  });

  it('has no edits once they were made', async () => {
    const plan = await windowsPlan(sample);
    expect(plan.edits.length).toBeGreaterThan(3);
    expect((await windowsPlan(afterWindowsEdits(sample, plan))).edits).toEqual([]);
  });

  it('makes the image pass what it failed before', async () => {
    const plan = await windowsPlan(sample);
    expect(await failing(sample, plan)).toEqual(expect.arrayContaining(['driver:LSI_SAS', 'edit:first-boot:setup']));
    expect(await failing(afterWindowsEdits(sample, plan), plan)).toEqual([]);
  });

  it('is the same for the same image, and is read again from a file', async () => {
    const plan = await windowsPlan(sample);
    expect(await windowsPlan(sample)).toEqual(plan);
    expect(valueOf(parsePlan(JSON.stringify(plan)))).toEqual(plan);
  });
});

describe('drivers of controllers', () => {
  it('are loaded at boot, and not overridden', async () => {
    const plan = await windowsPlan(server2022);
    const { before, after } = edit(plan, 'boot-driver:LSI_SAS:ControlSet001');
    expect(before).toBe(
      `[${services}\\LSI_SAS]\n"Start"=dword:00000003\n\n[${services}\\LSI_SAS\\StartOverride]\n"0"=dword:00000003\n`,
    );
    expect(after).toBe(`[${services}\\LSI_SAS]\n"Start"=dword:00000000\n\n[-${services}\\LSI_SAS\\StartOverride]\n`);
  });

  it('of other controllers are loaded too where they are there, and an override that overrides nothing stays', async () => {
    const plan = await windowsPlan(server2022);
    expect(edit(plan, 'boot-driver:storahci:ControlSet001').after).toBe(`[-${services}\\storahci\\StartOverride]\n`);
    expect(plan.edits.map(({ id }) => id)).not.toContain('boot-driver:stornvme:ControlSet001');
  });

  it('are made services where only the file is there', async () => {
    const plan = await windowsPlan(changed(server2022, { [`${services}\\LSI_SAS`]: undefined }));
    const { before, after } = edit(plan, 'boot-driver:LSI_SAS:ControlSet001');
    expect(before).toBe(`[-${services}\\LSI_SAS]\n`);
    expect(after).toMatch(/^"Start"=dword:00000000$/m);
    expect(after).toMatch(/^"Group"="SCSI miniport"$/m);
    expect(after).toMatch(/^"ImagePath"=hex\(2\):53,00,79,00/m);
  });

  it('are edited in every control set that Windows may start from, and in no other', async () => {
    const three = changed(server2008, controlSet('ControlSet003'));
    const ids = (await windowsPlan(three)).edits.map(({ id }) => id);
    expect(ids.filter((id) => id.startsWith('boot-driver:LSI_SAS'))).toEqual([
      'boot-driver:LSI_SAS:ControlSet001',
      'boot-driver:LSI_SAS:ControlSet002',
    ]);
  });

  it('are on the list by which an old Windows finds its disk', async () => {
    const plan = await windowsPlan(server2008);
    expect(edit(plan, 'boot-driver:critical:ControlSet002').after).toBe(
      `[${system}\\ControlSet002\\Control\\CriticalDeviceDatabase\\PCI#VEN_1000&DEV_0054]\n"Service"="LSI_SAS"\n"ClassGUID"="{4D36E97B-E325-11CE-BFC1-08002BE10318}"\n`,
    );
    expect((await windowsPlan(server2022)).edits.map(({ id }) => id)).not.toContain(
      'boot-driver:critical:ControlSet001',
    );
  });

  it('that Windows does not bring are missed, with what works without', async () => {
    const { findings: found, edits } = await windowsPlan(server2022, { controller: 'pvscsi' });
    const missing = found.find(({ id }) => id === 'boot-driver:pvscsi');
    expect(missing).toMatchObject({ verdict: 'failed', remedy: expect.stringContaining('lsisas') as string });
    expect(edits.map(({ id }) => id)).not.toContain('boot-driver:pvscsi:ControlSet001');
    const stripped = { ...server2022, drivers: [] };
    expect(await findings(stripped)).toContain('failed boot-driver:LSI_SAS');
  });

  it('that were installed are used, and asked for in the driver database', async () => {
    const installed = changed(
      server2022,
      { [`${services}\\pvscsi`]: { Start: dword(3) } },
      { drivers: [...server2022.drivers, 'PVSCSI.SYS'] },
    );
    const plan = await windowsPlan(installed, { controller: 'pvscsi' });
    expect(edit(plan, 'boot-driver:pvscsi:ControlSet001').after).toBe(
      `[${services}\\pvscsi]\n"Start"=dword:00000000\n`,
    );
    expect(await findings(installed, { controller: 'pvscsi' })).toContain('warning boot-driver:hardware');
    const known = changed(installed, { [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_15AD&DEV_07C0`]: {} });
    expect(await findings(known, { controller: 'pvscsi' })).not.toContain('warning boot-driver:hardware');
  });
});

describe('the driver of the NICs', () => {
  it('is missed where it is neither in use nor in store', async () => {
    expect(await findings(server2022, { nicModel: 'vmxnet3' })).toContain('failed nic-driver:vmxnet3');
    expect((await findings(server2022)).filter((text) => text.includes('nic-driver'))).toEqual([]);
    expect(await findings(server2008)).toContain('warning nic-driver:e1000e');
    const inStore = changed(server2022, { [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_15AD&DEV_07B0`]: {} });
    expect(await findings(inStore, { nicModel: 'vmxnet3' })).not.toContain('failed nic-driver:vmxnet3');
  });

  it('is let load where it is switched off', async () => {
    const off = changed(
      server2022,
      { [`${services}\\vmxnet3ndis6`]: { Start: dword(4) } },
      { drivers: [...server2022.drivers, 'vmxnet3.sys'] },
    );
    const plan = await windowsPlan(off, { nicModel: 'vmxnet3' });
    expect(edit(plan, 'nic-driver:vmxnet3ndis6:ControlSet001').after).toContain('"Start"=dword:00000003\n');
    expect(plan.findings.map(({ id }) => id)).not.toContain('nic-driver:vmxnet3');
  });
});

describe('settings', () => {
  it('bring disks online, making the key where there is none', async () => {
    const plan = await windowsPlan(server2022);
    const key = `${services}\\partmgr\\Parameters`;
    expect(edit(plan, 'san-policy:ControlSet001')).toMatchObject({
      before: `[-${key}]\n`,
      after: `[${key}]\n"SanPolicy"=dword:00000001\n`,
    });
    const offline = changed(server2022, { [key]: { SanPolicy: dword(2), Other: dword(7) } });
    expect(edit(await windowsPlan(offline), 'san-policy:ControlSet001').before).toBe(
      `[${key}]\n"SanPolicy"=dword:00000002\n`,
    );
  });

  it('leave the disks of a cluster alone', async () => {
    const clustered = changed(server2022, { [`${services}\\ClusSvc`]: { Start: dword(2) } });
    const { edits, findings: found } = await windowsPlan(clustered);
    expect(edits.map(({ id }) => id)).not.toContain('san-policy:ControlSet001');
    expect(found.map(({ id }) => id)).toContain('san-policy:cluster');
  });

  it('keep agents of the old hypervisor from starting, and nothing else', async () => {
    const { edits } = await windowsPlan(changed(server2022, { [`${services}\\vmicheartbeat`]: { Start: dword(3) } }));
    const agents = edits.filter(({ id }) => id.startsWith('old-agent:'));
    expect(agents.map(({ id, after }) => [id, after])).toEqual([
      ['old-agent:QEMU-GA:ControlSet001', `[${services}\\QEMU-GA]\n"Start"=dword:00000004\n`],
    ]);
  });
});

describe('the first boot', () => {
  const path = '/Windows/Sealift/first-boot.cmd';

  it('runs a script once, before the logon, which takes itself away first', async () => {
    const plan = await windowsPlan(server2022);
    const { after = '' } = edit(plan, `first-boot:${path}`);
    const lines = after.split('\r\n');
    expect(after).not.toMatch(/[^\r]\n/);
    const commands = lines.filter((line) => line.startsWith('%reg%'));
    expect(commands[0]).toMatch(/HKLM\\SYSTEM\\Setup" \/v SetupType \/t REG_DWORD \/d 0 /);
    expect(commands[1]).toMatch(/HKLM\\SYSTEM\\Setup" \/v CmdLine \/t REG_SZ \/d "" /);
    expect(edit(plan, 'first-boot:setup').after).toBe(
      `[${system}\\Setup]\n"SetupType"=dword:00000002\n"CmdLine"="cmd.exe /d /c \\"%SystemRoot%\\\\Sealift\\\\first-boot.cmd\\""\n`,
    );
  });

  it('puts back that Windows restarts after a stop error, if it did', async () => {
    const plan = await windowsPlan(server2022);
    expect(edit(plan, 'stop-error:ControlSet001').after).toContain('"AutoReboot"=dword:00000000');
    expect(edit(plan, `first-boot:${path}`).after).toMatch(/AutoReboot \/t REG_DWORD \/d 1 /);
    const stays = changed(server2022, { [`${set}\\Control\\CrashControl`]: { AutoReboot: dword(0) } });
    expect(edit(await windowsPlan(stays), `first-boot:${path}`).after).not.toContain('AutoReboot');
  });

  it('is written anew where an older script is there', async () => {
    const older = { ...server2022, files: { [path]: '@echo off\r\n' } };
    expect(edit(await windowsPlan(older), `first-boot:${path}`)).toMatchObject({
      before: '@echo off\r\n',
      keeps: `${path}.sealift-before`,
    });
  });
});

describe('findings', () => {
  it('name addresses given by hand, with what gives them to the new adapter', async () => {
    const { findings: found } = await windowsPlan(server2022);
    expect(found.filter(({ id }) => id.startsWith('network:'))).toEqual([
      expect.objectContaining({
        id: 'network:10.0.0.5',
        verdict: 'warning',
        remedy: expect.stringContaining('static 10.0.0.5 255.255.255.0 10.0.0.1') as string,
      }),
    ]);
  });

  it('name page files on volumes that are not on these disks', async () => {
    const paging = (text: string) =>
      changed(server2022, {
        [`${set}\\Control\\Session Manager\\Memory Management`]: { PagingFiles: multi(text) },
      });
    expect(await findings(paging('d:\\pagefile.sys 0 0'))).toContain('warning page-file:D');
    expect((await findings(paging('C:\\pagefile.sys 0 0'))).join()).not.toContain('page-file');
    const elsewhere = changed(paging('C:\\pagefile.sys 0 0'), {}, { devices: [] });
    expect(await findings(elsewhere)).toContain('warning page-file:C');
    // On MBR a volume is known by its disk's signature and where it begins.
    const onMbr = changed(
      paging('C:\\pagefile.sys'),
      {
        [`${system}\\MountedDevices`]: {
          '\\DosDevices\\C:': { type: 'bytes', kind: 3, hex: '785634120000100000000000' },
        },
      },
      { devices: server2022.devices.map((one) => ({ ...one, partUuid: '12345678-02' })) },
    );
    expect((await findings(onMbr)).join()).not.toContain('page-file');
  });

  it('name what is around: tools, clock, fast startup, BitLocker, dynamic disks, the sentinel, room', async () => {
    const odd = changed(
      server2022,
      {
        [`${set}\\Control\\TimeZoneInformation`]: { RealTimeIsUniversal: dword(1) },
        [`${set}\\Control\\Session Manager\\Power`]: { HiberbootEnabled: dword(1) },
      },
      {
        devices: [
          ...server2022.devices,
          device('/dev/sdb1', 'BitLocker'),
          device('/dev/sdc1', '', { partType: '0x42' }),
        ],
      },
    );
    expect(await findings(odd, { stage: '{}' })).toEqual(
      expect.arrayContaining([
        ...['warning tools:vmware', 'warning clock:utc', 'warning power:fast-startup', 'warning stage:sentinel'],
        ...['warning locked:/dev/sdb1', 'warning dynamic:/dev/sdc1'],
      ]),
    );
    const image = await windowsImage(server2022);
    const full = { ...image, mounts: image.mounts.map((mount) => ({ ...mount, free: 0 as typeof mount.free })) };
    expect(valueOf(planFixUp(full, windowsTarget)).findings).toContainEqual(
      expect.objectContaining({ id: 'room:/', verdict: 'failed' }),
    );
  });
});

describe('a Windows that is refused', () => {
  it.each([
    ['hibernated', { ...server2022, state: 'hibernated' }, 'a hibernated Windows', 'powercfg /hibernate off'],
    ['with changes in its journal', { ...server2022, state: 'unclean' }, 'unclean volume', 'shutdown /s /f /t 0'],
    ['to be checked', { ...server2022, state: 'dirty' }, 'dirty volume', 'chkdsk /f'],
    ['with an unfinished hive', { ...server2022, isClean: false }, 'registry was not written', 'config/SYSTEM'],
    ['too old', versioned(server2022, { CurrentBuildNumber: sz('6002') }), '2022', 'older than Windows 7'],
    ['for other hardware', versioned(server2022, { BuildLabEx: sz('26100.1.arm64fre.ge_release.2') }), '2022', 'arm64'],
    [
      'without its control set',
      changed(server2022, { [`${system}\\Select`]: { Current: dword(2) } }),
      '2022',
      'no control set',
    ],
    [
      'in the middle of its setup',
      changed(server2022, { [`${system}\\Setup`]: { SetupType: dword(2), CmdLine: sz('oobe\\windeploy.exe') } }),
      'setup is not finished',
      'SetupType',
    ],
  ] as const)('%s is, with what to do', async (_, sample, what, detail) => {
    const planned = planFixUp(await windowsImage(sample), windowsTarget);
    expect(planned).toMatchObject({ ok: false, error: { type: 'Unsupported' } });
    expect(planned.ok ? '' : JSON.stringify(planned.error)).toContain(what);
    expect(planned.ok ? '' : JSON.stringify(planned.error)).toContain(detail);
  });
});

describe('what Windows says of itself', () => {
  it('is read from its registry', async () => {
    expect(await windowsImage(server2022)).toMatchObject({
      os: { family: 'windows', version: '10.0.20348.2700', name: 'Windows Server 2022 Standard' },
      firmware: 'uefi',
      bootLoader: 'bootmgr',
      oldAgents: ['QEMU-GA'],
      windows: { edition: 'ServerStandard', build: 20_348, architecture: 'x64', controlSets: ['ControlSet001'] },
    });
    expect(await windowsImage(server2008)).toMatchObject({
      os: { version: '6.1.7601', name: 'Windows Server 2008 R2 Standard' },
      firmware: 'bios',
      windows: { controlSets: ['ControlSet001', 'ControlSet002'] },
    });
    const client = versioned(server2022, { ProductName: sz('Windows 10 Pro'), CurrentBuildNumber: sz('22631') });
    expect((await windowsImage(client)).os.name).toBe('Windows 11 Pro');
  });

  it('is told in lines, and so is a plan', async () => {
    const lines = imageLines(await windowsImage(server2022)).join('\n');
    expect(lines).toContain('Windows Server 2022 Standard (windows), uefi, bootmgr');
    expect(lines).toContain('driver LSI_SAS: lsi_sas.sys, started when asked for, overridden, in store for PCI');
    expect(lines).toContain('driver pvscsi: no pvscsi.sys, no service');
    expect(lines).toContain('SAN policy not set');
    const plan = planLines(await windowsPlan(server2022)).join('\n');
    expect(plan).toContain('-"Start"=dword:00000003\n+"Start"=dword:00000000\n');
  });
});

describe('verification', () => {
  it('fails what stands in the way of a boot, without a plan', async () => {
    const plan = await windowsPlan(server2022);
    const fixed = afterWindowsEdits(server2022, plan);
    const empty = { ...plan, edits: [] };
    expect(await failing(fixed, empty)).toEqual([]);
    const key = `${services}\\LSI_SAS`;
    expect(await failing(changed(fixed, { [`${key}\\StartOverride`]: { '0': dword(3) } }), empty)).toEqual([
      'driver:LSI_SAS',
    ]);
    expect(await failing(changed(fixed, { [key]: { Start: dword(3) } }), empty)).toEqual(['driver:LSI_SAS']);
    expect(await failing({ ...fixed, drivers: [] }, empty)).toEqual(['driver:LSI_SAS']);
    expect(await failing({ ...fixed, isClean: false }, empty)).toEqual(['registry:hive']);
    expect(await failing({ ...fixed, files: {} }, empty)).toEqual(['first-boot']);
    expect(await failing({ ...fixed, loaders: ['/EFI/Microsoft/Boot/bootmgfw.efi'] }, empty)).toEqual(['boot']);
  });

  it('fails an edit of a key that nobody looked at', async () => {
    const plan = await windowsPlan(server2022);
    const fixed = afterWindowsEdits(server2022, plan);
    const more = { ...edit(plan, 'san-policy:ControlSet001'), id: 'more', after: `[-${system}\\Unknown]\n` };
    expect(await failing(fixed, { ...plan, edits: [...plan.edits, more] })).toEqual(['edit:more']);
  });
});
