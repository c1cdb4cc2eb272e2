import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { describeTargetError, type TargetPlatform, type TargetVmPlan } from '#core/ports/target-platform';
import { bytes, MiB } from '#core/units';
import { askVm, pidOf, vmFolder } from '#replicator/connectors/laboratory/machine/kept-vm';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';
import { laboratoryTarget } from './laboratory-target.ts';

const programs = needs('qemu-system-x86_64');

describe.skipIf(!programs.available)(programs.title('the laboratory target'), () => {
  let directory: string;
  let platform: TargetPlatform;
  let plan: TargetVmPlan;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
    platform = laboratoryTarget({ directory });
    const disks = await Promise.all(
      ['one', 'two'].map(async (id) => {
        const path = join(directory, `${id}.raw`);
        await writeFile(path, bootSector(`this is disk ${id}\n`));
        return { id: diskId(id), path, format: 'raw' } as const;
      }),
    );
    plan = {
      ...{ name: 'vm-1', firmware: 'bios', memory: bytes(64 * MiB), processors: 1, disks },
      ...{ controller: 'pvscsi', nicModel: 'vmxnet3' },
      nics: [
        { mac: '52:54:00:00:00:01', network: 'one' },
        { mac: '52:54:00:00:00:02', network: 'two' },
      ],
    };
  });
  afterEach(async () => {
    valueOf(await platform.remove('vm-1'));
    await rm(directory, { recursive: true });
  });
  const folder = () => vmFolder(join(directory, 'vms', 'vm-1'));
  const monitor = async (command: string, args = {}) => valueOf(await askVm(folder(), command, args));
  const network = async () =>
    String(await monitor('human-monitor-command', { 'command-line': 'info network' })).replaceAll('\r', '');
  const says = async (text: string): Promise<string> => {
    for (;;) {
      const said = valueOf(await platform.console('vm-1'));
      if (said.includes(text)) return said;
      await wait(50);
    }
  };

  it.each([
    ['pvscsi', 'vmxnet3', ['5549:1984', '5549:1968']],
    ['lsisas', 'e1000e', ['4096:84', '32902:4307']],
  ] as const)(
    'boots from the first disk on %s, with %s behind the slots of ESXi',
    async (controller, nicModel, ids) => {
      valueOf(await platform.launch({ ...plan, controller, nicModel }, 'disconnected'));
      expect(await says('this is disk')).toContain('this is disk one');
      const buses = (await monitor('query-pci')) as PciBus[];
      const behindPorts = buses
        .flatMap(({ devices }) => devices)
        .flatMap(({ pci_bridge: bridge }) => bridge?.devices ?? [])
        .map(({ id }) => `${id.vendor}:${id.device}`);
      expect(behindPorts).toEqual([ids[0], ids[1], ids[1]]);
      const slots = await Promise.all(
        ['slot160', 'slot192', 'slot224'].map((port) =>
          monitor('qom-get', { path: `/machine/peripheral/${port}`, property: 'slot' }),
        ),
      );
      expect(slots).toEqual([160, 192, 224]);
      const tree = String(await monitor('human-monitor-command', { 'command-line': 'info qtree' }));
      expect(tree).toContain('52:54:00:00:00:02');
      // Linux finds no SAS disk without a name.
      expect(tree.match(/ wwn = 0 /g) ?? []).toHaveLength(controller === 'lsisas' ? 0 : 2);
    },
  );

  it('is found again by another process, and is launched once', async () => {
    expect(valueOf(await platform.find('vm-1'))).toBeUndefined();
    const vm = { name: 'vm-1', power: 'running', links: 'isolated' };
    expect(valueOf(await platform.launch(plan, 'isolated'))).toEqual(vm);
    const pid = await pidOf(folder());
    const other = laboratoryTarget({ directory });
    expect(valueOf(await other.find('vm-1'))).toEqual(vm);
    expect(valueOf(await other.launch(plan, 'isolated'))).toEqual(vm);
    expect(await pidOf(folder())).toBe(pid);
    expect(await other.launch({ ...plan, processors: 2 }, 'isolated')).toMatchObject({ error: { type: 'Refused' } });
    await other.close();

    valueOf(await platform.powerOff('vm-1'));
    expect(await isOver(pid)).toBe(true);
    valueOf(await platform.powerOff('vm-1'));
    expect(valueOf(await platform.find('vm-1'))).toEqual({ ...vm, power: 'off' });
  });

  it('launches one VM for many who ask at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => platform.launch(plan, 'disconnected')));
    expect(new Set(all.map((launched) => valueOf(launched).power))).toEqual(new Set(['running']));
    await Promise.all((['isolated', 'connected', 'disconnected'] as const).map((to) => platform.setLinks('vm-1', to)));
    expect(await network()).not.toContain('type=user');
  });

  it('goes on with a launch that its manager died in', async () => {
    valueOf(await platform.launch(plan, 'disconnected'));
    await monitor('stop');
    await monitor('system_reset');
    const both = await Promise.all([platform.launch(plan, 'disconnected'), platform.launch(plan, 'disconnected')]);
    expect(both.map((launched) => valueOf(launched).power)).toEqual(['running', 'running']);
    expect(await monitor('query-status')).toMatchObject({ status: 'running' });
  });

  it('plugs and pulls its NICs', async () => {
    valueOf(await platform.launch(plan, 'disconnected'));
    expect(await network()).not.toContain('type=user');

    valueOf(await platform.setLinks('vm-1', 'isolated'));
    expect((await network()).match(/restrict=on/g)).toHaveLength(2);

    valueOf(await platform.setLinks('vm-1', 'connected'));
    valueOf(await platform.setLinks('vm-1', 'connected'));
    expect((await network()).match(/restrict=off/g)).toHaveLength(2);
    expect(valueOf(await platform.find('vm-1'))?.links).toBe('connected');

    valueOf(await platform.setLinks('vm-1', 'disconnected'));
    expect(await network()).not.toContain('type=user');
  });

  it('is removed without a trace but its console, and its disks stay', async () => {
    valueOf(await platform.launch(plan, 'disconnected'));
    await says('this is disk one');
    const pid = await pidOf(folder());
    valueOf(await platform.remove('vm-1'));
    valueOf(await platform.remove('vm-1'));
    expect(await isOver(pid)).toBe(true);
    expect(valueOf(await platform.find('vm-1'))).toBeUndefined();
    expect(await readdir(join(directory, 'vms'))).toEqual([]);
    expect(await readFile(join(directory, 'consoles', 'vm-1-1.log'), 'utf8')).toContain('this is disk one');
    expect(bootSector('this is disk one\n').equals(await readFile(join(directory, 'one.raw')))).toBe(true);
    for (const gone of [
      await platform.setLinks('vm-1', 'connected'),
      await platform.powerOff('vm-1'),
      await platform.console('vm-1'),
    ])
      expect(gone.ok ? '' : describeTargetError(gone.error)).toBe('the target platform has no VM vm-1');
  });

  it('refuses what it cannot make and what QEMU cannot start, and leaves nothing running', async () => {
    const many = Array.from({ length: 8 }, (_, index) => ({ ...plan.disks[0], id: diskId(`d${index}`) }));
    for (const impossible of [
      { ...plan, name: '../vm-1' },
      { ...plan, disks: [] },
      { ...plan, controller: 'lsisas', disks: many } as unknown as TargetVmPlan,
      { ...plan, nics: [{ mac: 'vmxnet3,bus=pcie.0', network: 'one' }] },
    ])
      expect(await platform.launch(impossible, 'disconnected')).toMatchObject({ error: { type: 'Refused' } });
    expect(await platform.launch({ ...plan, firmware: 'uefi' }, 'disconnected')).toMatchObject({
      error: { type: 'Refused', detail: expect.stringContaining('no UEFI firmware') },
    });
    const bare = laboratoryTarget({ directory, uefi: { code: '/nobody/code', variables: '/nobody/variables' } });
    expect(await bare.launch({ ...plan, firmware: 'uefi' }, 'disconnected')).toMatchObject({
      error: { type: 'Refused', detail: '/nobody/variables is not there' },
    });
    const absent = { ...plan, disks: [{ id: diskId('one'), path: '/nobody/here', format: 'raw' }] } as const;
    expect(await platform.launch(absent, 'disconnected')).toMatchObject({
      error: { type: 'Refused', detail: expect.stringContaining('/nobody/here') },
    });
    expect(await pidOf(folder())).toBeUndefined();
  });
});

interface PciBus {
  readonly devices: readonly {
    readonly id: { readonly vendor: number; readonly device: number };
    readonly pci_bridge?: { readonly devices?: readonly { readonly id: { vendor: number; device: number } }[] };
  }[];
}

/** Whether a process is over: gone, or only waiting to be waited for. */
async function isOver(pid = 0): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z ');
  return stat.includes(') Z ');
}

/** A boot sector that writes a text to the first serial port and halts. */
function bootSector(text: string): Buffer {
  const code = Buffer.from('31c08ed8baf803be157cac84c07403eeebf8f4ebfd', 'hex');
  const sector = Buffer.alloc(MiB);
  code.copy(sector);
  sector.write(text, code.length, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
