import { describe, expect, it } from 'vitest';
import type { Check } from '#core/migration/facts';
import { minutes, seconds } from '#core/units';
import { guestOfFiles } from '#replicator/sentinel/inventory/guest-files';
import { valueOf } from '#test/support/value-of';
import { forgetPlace, placePath, readPlace, savePlace } from './saved-place.ts';
import { renderStageFile, type StageFile, stagePath } from './stage-file.ts';
import { type StageGuest, stageGuest } from './stage-guest.ts';
import { reportLine, reportMark, waitsForNetwork } from './stage-report.ts';
import { newPassword } from './new-password.ts';
import { finalizeStage, readStage, runStageTwo, validationAccount } from './stage-two.ts';

const common = { timeout: seconds(30), mustSucceed: true } as const;
const file: StageFile = {
  ...{ stage: 'target', migration: 'guest1' },
  checks: [
    { id: 'booted', kind: 'booted', ...common },
    { id: 'hostname', kind: 'hostname', expected: 'guest1', ...common },
    { id: 'address', kind: 'address', address: '192.0.2.7', ...common },
    { id: 'database', kind: 'service', unit: 'database', ...common },
    { id: 'records', kind: 'script', command: 'check-records', ...common, mustSucceed: false },
  ],
  source: {
    hostname: 'guest1',
    nics: [
      { name: 'ens160', mac: '52:54:00:00:00:02', addresses: ['192.0.2.7/24'], lent: [] },
      { name: 'enp0s3', mac: '52:54:00:00:00:01', addresses: [], lent: ['10.0.0.5/24'] },
    ],
    routes: [
      'default via 10.0.0.2 dev enp0s3',
      '192.0.2.0/24 dev ens160 proto kernel scope link src 192.0.2.7',
      '198.51.100.0/24 via 192.0.2.1 dev ens160 metric 5',
    ],
  },
  account: { name: 'sealift-look' },
};

const verdicts = (checks: readonly Check[]): readonly string[] => checks.map(({ id, verdict }) => `${id} ${verdict}`);
const consoleOf = (guest: StageGuest): string => guest.files.get('/dev/ttyS0') ?? '';

function working(): StageGuest {
  const guest = stageGuest();
  guest.files.set(stagePath, renderStageFile(file));
  guest.scripts.set('check-records', [{ status: 0, stdout: '100 records, none lost\n', stderr: '' }]);
  return guest;
}

describe('stage two', () => {
  it('keeps the place in the network, turns old agents off, validates and reports', async () => {
    const guest = working();
    const stage = await readStage(guest.system);
    if (!stage.ok || stage.value === undefined) throw new Error('the stage cannot be read');
    expect(stage.value).toEqual(file);
    const report = await runStageTwo(guest.system, guest.clock, stage.value);
    expect(verdicts(report.checks)).toEqual([
      ...['network-kept passed', 'old-agent-off:qemu-guest-agent passed', 'validation-account passed'],
      ...['booted passed', 'hostname passed', 'address passed', 'database passed', 'records passed'],
    ]);
    expect(guest.cards).toEqual([
      { name: 'ens160', mac: '52:54:00:00:00:02', up: true, addresses: ['192.0.2.7/24'] },
      { name: 'enp0s3', mac: '52:54:00:00:00:01', up: true, addresses: [] },
    ]);
    expect(guest.routes).toContain('198.51.100.0/24 via 192.0.2.1 dev ens160 metric 5');
    expect(guest.routes.some((route) => route.startsWith('default'))).toBe(false); // It was lent.
    expect(guest.files.get('/etc/systemd/network/10-sealift-enp0s3.link')).toContain('MACAddress=52:54:00:00:00:01');
    expect(guest.seen).toContain('systemctl restart networking.service');
    expect(guest.services.get('qemu-guest-agent')).toBe('masked');
    const said = consoleOf(guest)
      .trim()
      .split(/[\r\n]+/);
    expect(said.every((line) => line.startsWith(`${reportMark} {`))).toBe(true);
    const [before, last] = said.map((line) => JSON.parse(line.slice(reportMark.length)) as typeof report);
    expect(last).toEqual(report);
    // What needs a network is waited for until there may be one: the cards of a target are connected once it is up.
    expect(before?.checks.filter(({ message }) => message === waitsForNetwork).map(({ id }) => id)).toEqual([
      'address',
    ]);
    expect(guest.files.get('/proc/sys/kernel/printk')).toBe('7 4 1 7\n');
  });

  it('changes nothing more when it runs again after a boot', async () => {
    const guest = working();
    await runStageTwo(guest.system, guest.clock, file);
    const cards = structuredClone(guest.cards);
    const routes = [...guest.routes];
    guest.seen.length = 0;
    const report = await runStageTwo(guest.system, guest.clock, file);
    expect(guest.cards).toEqual(cards);
    expect(guest.routes).toEqual(routes);
    expect(guest.seen.filter((what) => /^ip .*\b(?:add|set)\b|restart|useradd/.test(what))).toEqual([]);
    expect(report.checks[0]?.message).toBe('names, addresses and routes are as they were');
  });

  it('adds routes of either kind only where they are not there', async () => {
    const guest = working();
    const there = '2001:db8:1::/48 via fe80::1 dev ens160 metric 1024 pref medium';
    const routes = [there, '2001:db8:2::/48 via fe80::1 dev ens160 metric 1024 pref medium'];
    guest.routes.push(there);
    const source = { hostname: 'guest1', nics: file.source?.nics ?? [], routes };
    const report = await runStageTwo(guest.system, guest.clock, { ...file, source });
    expect(report.checks[0]).toMatchObject({ id: 'network-kept', verdict: 'passed' });
    expect(guest.routes.slice(1)).toEqual(routes);
  });

  it('takes cards by their order where no hardware address was kept, and says which are missing', async () => {
    const guest = working();
    const nics = file.source?.nics ?? [];
    const moved = nics.map((nic, index) => ({ ...nic, mac: `00:50:56:00:00:0${index}` }));
    await runStageTwo(guest.system, guest.clock, { ...file, source: { hostname: '', routes: [], nics: moved } });
    expect(guest.cards.map(({ name }) => name)).toEqual(['enp0s3', 'ens160']);
    const fewer = working();
    fewer.cards.pop();
    const report = await runStageTwo(fewer.system, fewer.clock, file);
    expect(verdicts(report.checks)).toContain('nic-kept:enp0s3 failed');
  });

  it('waits for what comes up late, and no longer than it may', async () => {
    const guest = working();
    const late = { status: 1, stdout: '', stderr: 'not yet\n' };
    guest.scripts.set('check-records', [late, late, { status: 0, stdout: 'here\n', stderr: '' }]);
    guest.services.set('database', 'inactive');
    const report = await runStageTwo(guest.system, guest.clock, file);
    expect(verdicts(report.checks)).toEqual(expect.arrayContaining(['database failed', 'records passed']));
    expect(guest.time).toBe(32_000); // All of the service's time, and two waits for the script.
    guest.scripts.set('check-records', [late]);
    const again = await runStageTwo(guest.system, guest.clock, file);
    expect(again.checks.at(-1)).toEqual({
      ...{ id: 'records', verdict: 'warning', message: 'status 1: not yet' },
      remedy: 'run it in the guest, and look at what it says',
    });
  });
});

describe('the validation account', () => {
  const everything = (guest: StageGuest, ...said: readonly unknown[]): string =>
    JSON.stringify([guest.seen, [...guest.files], said, guest.time]);
  const hashed = { name: 'sealift-look', passwordHash: '$6$salt$hash' };

  it('has no password until one is asked for, and another one each time, which is nowhere but in the answer', async () => {
    const guest = working();
    const report = await runStageTwo(guest.system, guest.clock, file);
    expect(guest.accounts.has('sealift-look')).toBe(true);
    expect(guest.passwords.size).toBe(0);
    expect(guest.seen.find((what) => what.startsWith('useradd'))).toContain('-e 1970-01-08');
    const one = valueOf(await validationAccount(guest.system, newPassword))?.password ?? '';
    const other = valueOf(await validationAccount(guest.system, newPassword))?.password ?? '';
    expect(one.length).toBeGreaterThanOrEqual(24);
    expect(other).not.toBe(one);
    expect(guest.passwords.get('sealift-look')).toBe(other);
    // Neither a boot nor a sentinel that starts again takes it from whoever has it.
    const again = await runStageTwo(guest.system, guest.clock, file);
    expect(guest.passwords.get('sealift-look')).toBe(other);
    for (const password of [one, other]) expect(everything(guest, report, again)).not.toContain(password);
  });

  it('takes a hash that came with the stage, and then knows no password', async () => {
    const guest = working();
    guest.files.set(stagePath, renderStageFile({ ...file, account: hashed }));
    await runStageTwo(guest.system, guest.clock, { ...file, account: hashed });
    expect(guest.passwords.get('sealift-look')).toBe('$6$salt$hash');
    expect(guest.seen).toContain('chpasswd -e');
    expect(valueOf(await validationAccount(guest.system, newPassword))).toEqual({ name: 'sealift-look' });
  });

  it('runs the checks that are to be its, and the others are root’s', async () => {
    const guest = working();
    const script = { kind: 'script', ...common } as const;
    const checks = [
      { id: 'mine', ...script, command: 'look-around', asAccount: true },
      { id: 'other', ...script, command: 'check-records' },
    ] as const;
    guest.scripts.set('look-around', [{ status: 0, stdout: 'seen by sealift-look\n', stderr: '' }]);
    const report = await runStageTwo(guest.system, guest.clock, { ...file, stage: 'test', checks });
    expect(verdicts(report.checks).slice(-2)).toEqual(['mine passed', 'other passed']);
    expect(guest.seen).toContain('su -s /bin/sh -c look-around sealift-look');
    expect(guest.seen).toContain('sh -c check-records');
  });

  it('is not there in a guest of which nobody asked for one', async () => {
    const guest = working();
    guest.files.delete(stagePath);
    expect(await validationAccount(guest.system, newPassword)).toEqual({ ok: true, value: undefined });
  });

  it('never touches an account of the guest', async () => {
    const guest = working();
    guest.accounts.set('sealift-look', 'sealift-look:x:1000:1000:Somebody:/home/s:/bin/sh');
    const report = await runStageTwo(guest.system, guest.clock, file);
    expect(await validationAccount(guest.system, newPassword)).toMatchObject({
      error: 'sealift-look is no account of ours in this guest',
    });
    expect(verdicts(report.checks)).toContain('validation-account warning');
    expect(guest.passwords.size).toBe(0);
    await finalizeStage(guest.system);
    expect(guest.accounts.has('sealift-look')).toBe(true);
  });
});

describe('finalize', () => {
  it('takes the account and the file away, once', async () => {
    const guest = working();
    await runStageTwo(guest.system, guest.clock, file);
    expect(await finalizeStage(guest.system)).toEqual({ ok: true, value: undefined });
    expect(guest.accounts.has('sealift-look')).toBe(false);
    expect(await readStage(guest.system)).toEqual({ ok: true, value: undefined });
    expect(await validationAccount(guest.system, newPassword)).toEqual({ ok: true, value: undefined });
    expect(await finalizeStage(guest.system)).toEqual({ ok: true, value: undefined });
  });

  it('keeps the file as long as the account is there', async () => {
    const guest = working();
    await runStageTwo(guest.system, guest.clock, file);
    const stubborn = { ...guest.system, run: async () => ({ status: 8, stdout: '', stderr: 'user is logged in' }) };
    expect(await finalizeStage(stubborn)).toEqual({ ok: false, error: 'sealift-look: user is logged in' });
    expect(guest.files.has(stagePath)).toBe(true);
  });
});

describe('the stage file', () => {
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'is not JSON'],
    ['{"stage":"other","migration":"m"}', 'no stage that is known'],
    ['{"stage":"test"}', 'names no migration'],
    ['{"stage":"test","migration":"m","checks":{}}', 'is no list'],
    ['{"stage":"test","migration":"m","checks":[{"kind":"booted"}]}', 'has no id'],
    ['{"stage":"test","migration":"m","checks":[{"id":"a","kind":"magic"}]}', 'of no known kind'],
    ['{"stage":"test","migration":"m","checks":[{"id":"a","kind":"toString"}]}', 'of no known kind'],
    ['{"stage":"test","migration":"m","checks":[{"id":"a","kind":"script"}]}', 'lacks its command'],
    ['{"stage":"test","migration":"m","checks":[{"id":"a","kind":"booted","timeoutMs":-1}]}', 'is no duration'],
    [
      '{"stage":"test","migration":"m","checks":[{"id":"a","kind":"script","command":"x","asAccount":true}]}',
      'is to run as an account',
    ],
    ['{"stage":"test","migration":"m","account":{"name":"Root; rm"}}', 'no name that a system would take'],
    ['{"stage":"test","migration":"m","account":{"name":"look","passwordHash":"secret"}}', 'is no hash'],
  ])('%s is refused with a sentence', async (text, why) => {
    const guest = stageGuest();
    guest.files.set(stagePath, text);
    const stage = await readStage(guest.system);
    expect(stage.ok ? stage.value : stage.error).toContain(why);
  });

  it('keeps cards and not what is built on them, and tells what was lent from what was not', async () => {
    const { system, end } = await guestOfFiles(
      {
        '/proc/sys/kernel/hostname': 'guest1\n',
        '/sys/class/net/ens3/address': '52:54:00:AB:00:01\n',
        '/sys/class/net/ens3/device/uevent': 'DRIVER=virtio_net\n',
        '/sys/class/net/ens3.5/uevent': 'DEVTYPE=vlan\n',
      },
      {
        'ip -o addr show':
          '2: ens3    inet 10.0.0.5/24 scope global dynamic ens3\n2: ens3    inet 192.0.2.7/24 scope global ens3\n',
        'ip -4 route show': 'default via 10.0.0.2 dev ens3\n',
      },
    );
    expect(await readPlace(system)).toBeUndefined();
    expect(await savePlace(system)).toBeUndefined();
    expect(await readPlace(system)).toEqual({
      hostname: 'guest1',
      nics: [{ name: 'ens3', mac: '52:54:00:ab:00:01', addresses: ['192.0.2.7/24'], lent: ['10.0.0.5/24'] }],
      routes: ['default via 10.0.0.2 dev ens3'],
    });
    await forgetPlace(system);
    expect(await readPlace(system)).toBeUndefined();
    await end();
  });

  it('is completed by the place that was noted at the cutover, on the target and not in a test', async () => {
    const { source, ...bare } = file;
    const guest = working();
    guest.files.set(placePath, JSON.stringify(source));
    await runStageTwo(guest.system, guest.clock, { ...bare, stage: 'test' });
    expect(guest.cards.map(({ name }) => name)).toEqual(['ens192', 'ens160']);
    const report = await runStageTwo(guest.system, guest.clock, bare);
    expect(report.checks[0]).toMatchObject({ id: 'network-kept', verdict: 'passed' });
    expect(guest.cards.map(({ name }) => name)).toEqual(['ens160', 'enp0s3']);
    await finalizeStage(guest.system);
    expect(guest.files.has(placePath)).toBe(false);
  });

  it('may leave out what has a usual value', async () => {
    const guest = stageGuest();
    guest.files.set(stagePath, '{"stage":"test","migration":"m","checks":[{"id":"a","kind":"booted"}]}');
    expect(await readStage(guest.system)).toEqual({
      ok: true,
      value: {
        ...{ stage: 'test', migration: 'm' },
        checks: [{ id: 'a', kind: 'booted', timeout: minutes(1), mustSucceed: true }],
      },
    });
  });
});

describe('the line on the console', () => {
  const check = (id: string, verdict: Check['verdict'], message: string): Check => ({
    id,
    verdict,
    message,
    remedy: 'é',
  });
  const line = (checks: readonly Check[]): string =>
    reportLine({ stage: 'target', migration: 'm', checks, booted: true });

  it('is plain text that fits, whatever the checks say', () => {
    for (const count of [1, 5, 20, 60, 500]) {
      const said = line(
        Array.from({ length: count }, (_, n) => check(`c${n}`, n === 3 ? 'failed' : 'passed', 'ü\n€'.repeat(900))),
      );
      expect(said.length).toBeLessThanOrEqual(3000 + reportMark.length + 1);
      expect(said).toMatch(/^[ -~]*$/);
      const report = JSON.parse(said.slice(reportMark.length)) as { checks: readonly Check[] };
      expect(report.checks.some(({ verdict }) => verdict === 'failed')).toBe(count > 3);
    }
  });

  it('cuts what passed before what failed', () => {
    const said = line([
      ...Array.from({ length: 20 }, (_, n) => check(`c${n}`, 'passed', 'fine '.repeat(30))),
      check('broken', 'failed', 'because '.repeat(20)),
    ]);
    expect(said).toContain('because '.repeat(20));
    expect(said).not.toContain('fine');
  });
});
