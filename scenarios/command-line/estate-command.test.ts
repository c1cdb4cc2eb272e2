import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { ok } from '#core/result';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { scenarioOn } from '#test/support/estate-scenario';
import { addEstateCommand } from './estate-command.ts';

const sheet = `VM,Powerstate,Disks,Provisioned MiB,In Use MiB,Host,OS according to the configuration file
web-1,poweredOn,1,40960,12000,kvm-1,Debian GNU/Linux 12 (64-bit)
web-2,poweredOn,1,40960,12000,kvm-1,Debian GNU/Linux 12 (64-bit)
web-3,poweredOff,1,40960,12000,kvm-1,Debian GNU/Linux 12 (64-bit)
`;
const files: Readonly<Record<string, string>> = {
  'vms.csv': sheet,
  'bad.csv': `${sheet}web-4,poweredOn,1,lots,1,kvm-1,\n`,
};

async function estate(...args: readonly string[]) {
  const output: string[] = [];
  const notes: string[] = [];
  let status: ExitStatus = exitStatus.done;
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addEstateCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 100, live: () => undefined },
      print: (line) => void output.push(line),
      note: (line) => void notes.push(line),
    },
    readBytes: async (file) => ok(new TextEncoder().encode(files[file])),
    setStatus: (said) => (status = said),
  });
  await program.parseAsync(['estate', ...args], { from: 'user' });
  return { output: output.join('\n'), notes, status };
}

const vmsIn = (text: string): readonly string[] => scenarioOn(text).estate.vms.map(({ name }) => name);

describe('sealift estate generate', () => {
  it('prints the same bytes for the same seed, and others for another', async () => {
    const bank = ['generate', '--profile', 'bank', '--vms', '60'];
    const { output, notes, status } = await estate(...bank, '--seed', '3');
    expect(vmsIn(output)).toHaveLength(60);
    expect([notes, status]).toEqual([[], exitStatus.done]);
    expect((await estate(...bank, '--seed', '3')).output).toBe(output);
    expect((await estate(...bank, '--seed', '4')).output).not.toBe(output);
  });

  it('says in the file how it was made', async () => {
    const { output } = await estate('generate', '--vms', '3', '--hosts', '2');
    expect(output.split('\n')[0]).toBe('# Made by: sealift estate generate --profile mixed --vms 3 --hosts 2 --seed 1');
    expect(output.match(/platform: /g)).toHaveLength(2);
  });

  it('prints JSON if asked to, which is an estate file too', async () => {
    const { output } = await estate('generate', '--vms', '3', '--json');
    expect(JSON.parse(output)).toMatchObject({ kind: 'estate', vms: { length: 3 } });
    expect(vmsIn(output)).toHaveLength(3);
  });

  it.each([
    [['generate'], "required option '--vms <count>'"],
    [['generate', '--vms', '0'], 'whole number from 1 up'],
    [['generate', '--vms', '100001'], 'more than the 100000 VMs'],
    [['generate', '--vms', '2', '--profile', 'bnk'], 'Allowed choices are mixed, bank'],
    [['import'], "missing required argument 'files'"],
    [['import', 'vms.csv', '--format', 'xlsx'], 'Allowed choices are rvtools'],
  ])('refuses %j', async (args, message) => {
    await expect(estate(...args)).rejects.toThrow(message);
  });
});

describe('sealift estate import', () => {
  it('prints the estate, and says beside it and within it what was assumed and left out', async () => {
    const { output, notes, status } = await estate('import', 'vms.csv', '--platform', 'ahv');
    expect(vmsIn(output)).toEqual(['web-1', 'web-2']);
    expect(status).toBe(exitStatus.done);
    expect(notes).toEqual([
      'left out: vms.csv:4: web-3 is powered off: an agent moves what runs; --powered-off keep takes it all the same',
      "Writes are assumed for 2 VMs: 512 KiB/s in office hours' pattern, over 5 % of the used bytes.",
      'What can be read from a host is assumed for 1 host: 253 MB/s, as published for one host.',
      'taken over: 2 VMs on 1 host; 1 VM left out',
    ]);
    for (const note of notes.slice(0, 3)) expect(output).toContain(`# ${note}`);
  });

  it('says the same of many VMs on one line', async () => {
    const { notes } = await estate('import', 'vms.csv');
    expect(notes).toContain(
      'note: 2 VMs (web-1, web-2): each is on a platform that the inventory does not say: taken as kvm; --platform says another',
    );
  });

  it('prints nothing if a row cannot be read, unless it may leave it out', async () => {
    const refused = await estate('import', 'bad.csv');
    expect([refused.output, refused.status]).toEqual(['', exitStatus.usage]);
    expect(refused.notes[0]).toBe('bad.csv:5: web-4 has "lots" in column "provisioned mib"; it must be a number');
    expect(refused.notes.at(-1)).toContain('--skip-invalid');
    const taken = await estate('import', 'bad.csv', '--skip-invalid');
    expect([vmsIn(taken.output).length, taken.status]).toEqual([2, exitStatus.done]);
    expect(taken.output).toContain('# bad.csv:5: web-4 has "lots"');
  });

  it('says all in JSON, a document a line, if asked to', async () => {
    const { output, notes } = await estate('import', 'bad.csv', '--skip-invalid', '--platform', 'kvm', '--json');
    expect(JSON.parse(output)).toMatchObject({ kind: 'estate', vms: { length: 2 } });
    expect(notes.map((note) => JSON.parse(note) as unknown)).toEqual([
      expect.objectContaining({ severity: 'error', file: 'bad.csv', line: 5, vm: 'web-4' }),
      expect.objectContaining({ severity: 'skipped', file: 'bad.csv', line: 4, vm: 'web-3' }),
    ]);
  });

  it('prints nothing of a file in no known format', async () => {
    const { output, notes, status } = await estate('import', 'vms.csv', '--format', 'nutanix');
    expect([output, status]).toEqual(['', exitStatus.usage]);
    expect(notes[0]).toContain('vms.csv: is not valid JSON');
  });
});
