import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sentinelId } from '#core/ids';
import { hours } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { guestAgentThrough, sentinelDesk, type SentinelDesk } from '#replicator/gateway/guests-of-gateway';
import type { BundleSecrets } from '#replicator/protocol/guest-message';
import { agentBuild, agentEntry } from '#replicator/sentinel/bundle/agent-build';
import { makeBundle } from '#replicator/sentinel/bundle/make-bundle';
import { freePort } from '#replicator/protocol/free-port';
import type { ReplicationProcess } from '#test/support/replication-process';
import { valueOf } from '#test/support/value-of';

/*
 * A gateway and a sentinel as real processes: a bundle is made, installed in the files of a guest, run from there, killed,
 * replaced and taken away again.
 */

const web01 = sentinelId('web01');
const running = new Set<ChildProcess>();
let folder: string;
let desk: SentinelDesk;
let place: { address: string; certificates: string };
let gatewayProcess: ReplicationProcess;
let gateway: ChildProcess;
let secrets: BundleSecrets;
const inFolder = (...parts: readonly string[]): string => join(folder, ...parts);
const guestRoot = (): string => inFolder('guest');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-sentinel-'));
  const certificates = inFolder('certificates');
  valueOf(await makeCertificates({ directory: certificates }));
  await mkdir(inFolder('replicas'));
  for (const version of ['1.0.0', '1.1.0'])
    await build({
      ...{ ...agentBuild, entryPoints: [agentEntry], outfile: inFolder(`${version}.mjs`) },
      define: { sealiftVersion: JSON.stringify(version) },
    });
  const listen = `127.0.0.1:${await freePort()}`;
  gatewayProcess = {
    role: 'gateway',
    options: {
      ...{ listen, certificates, directory: inFolder('replicas'), state: inFolder('state') },
      guests: `127.0.0.1:${await freePort()}`,
      newestAgent: { path: inFolder('1.1.0.mjs'), version: '1.1.0' },
    },
  };
  place = { address: listen, certificates };
  desk = sentinelDesk(place);
  gateway = await startGateway();
});
afterAll(async () => {
  await Promise.all([...running].map(kill));
  await rm(folder, { recursive: true });
});

async function startGateway(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/support/replication-process.ts', JSON.stringify(gatewayProcess)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.add(child);
  await once(createInterface(child.stdout), 'line');
  return child;
}

/** As systemd would: from where it was installed. */
function startAgent(): ChildProcess {
  const program = join(guestRoot(), 'opt/sealift-sentinel/sentinel.mjs');
  const config = ['--config', join(guestRoot(), 'etc/sealift-sentinel')];
  const status = ['--status', join(guestRoot(), 'run/sealift-sentinel/status.json')];
  const child = spawn(process.execPath, [program, 'run', ...config, ...status], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  running.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const install = (action: string, from = inFolder('unpacked/sealift-sentinel')) =>
  spawnSync('sh', [join(from, 'install.sh'), action, '--root', guestRoot()], { encoding: 'utf8' });

async function filesOf(root: string): Promise<readonly string[]> {
  return (await readdir(root, { recursive: true })).toSorted();
}

const untilConnected = (version = '1.0.0') =>
  vi.waitFor(async () => expect(valueOf(await desk.list())).toMatchObject([{ state: 'enrolled.connected', version }]), {
    timeout: 60_000,
    interval: 200,
  });

describe('a sentinel from its bundle', () => {
  let agent: ChildProcess;
  let before: readonly string[];

  it('is installed with one command', async () => {
    const wish = { sentinel: web01, os: 'linux', standalone: false, valid: hours(1), by: 'ada' } as const;
    secrets = valueOf(await desk.invite(wish));
    const output = inFolder('bundle.tgz');
    const bundle = { secrets, gateway: secrets.guests, agent: inFolder('1.0.0.mjs'), output };
    valueOf(await makeBundle(bundle));
    expect(await makeBundle(bundle)).toMatchObject({ error: { type: 'OutputTaken' } });
    // The token is in it.
    expect(((await stat(output)).mode & 0o777).toString(8)).toBe('600');
    await mkdir(inFolder('unpacked'));
    expect(spawnSync('tar', ['xzf', output, '-C', inFolder('unpacked')]).status).toBe(0);
    await mkdir(join(guestRoot(), 'etc/systemd/system/multi-user.target.wants'), { recursive: true });
    for (const each of ['opt', 'run', 'var/lib', 'etc/init.d'])
      await mkdir(join(guestRoot(), each), { recursive: true });
    before = await filesOf(guestRoot());
    expect(install('install')).toMatchObject({ status: 0, stdout: 'the sentinel is installed\n' });
    expect(install('install')).toMatchObject({ status: 1 });
    for (const name of ['token', 'sentinel.json', 'ca-cert.pem']) {
      const { mode } = await stat(join(guestRoot(), 'etc/sealift-sentinel', name));
      expect((mode & 0o777).toString(8)).toBe('600');
    }
    const unit = await readFile(join(guestRoot(), 'etc/systemd/system/sealift-sentinel.service'), 'utf8');
    expect(unit).toMatch(
      /^ExecStart=\/\S+ .*\/opt\/sealift-sentinel\/sentinel\.mjs run --config \/etc\/sealift-sentinel$/m,
    );
    expect(unit).toContain('IOSchedulingClass=idle');
  });

  it('enrols, and answers a manager through its gateway', async () => {
    agent = startAgent();
    await untilConnected();
    const guest = guestAgentThrough(place, web01);
    const inventory = valueOf(await guest.inspect());
    expect(inventory.hostname).toBe(hostname());
    expect(inventory.kernel).toMatch(/^\d+\.\d+/);
    expect(inventory.sentinel.version).toBe('1.0.0');
    expect(await guest.changes({ owner: 'm-1', number: 3 })).toMatchObject({ error: { type: 'TrackingLost' } });
    await guest.close();
    expect(await desk.report(web01)).toEqual({ ok: true, value: undefined });
    expect(await desk.account(web01)).toEqual({ ok: true, value: undefined });
    expect(install('status').stdout).toContain('"state":"connected"');
    expect((await stat(join(guestRoot(), 'etc/sealift-sentinel/key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('comes back after it was killed, and after its gateway was', async () => {
    await kill(agent);
    const away = async () => expect(valueOf(await desk.list())).toMatchObject([{ state: 'enrolled.away' }]);
    await vi.waitFor(away, { timeout: 60_000, interval: 200 });
    agent = startAgent();
    await untilConnected();
    await kill(gateway);
    gateway = await startGateway();
    await untilConnected();
    valueOf(await guestAgentThrough(place, web01).closeDisks());
  });

  it('is replaced by the agent of its gateway, and stays who it is', async () => {
    const ended = once(agent, 'exit');
    const done = await desk.change({ type: 'UpgradeSentinel', sentinel: web01, by: 'ada' });
    expect(valueOf(done)).toBe('sentinel web01 has version 1.1.0');
    expect(await ended).toEqual([0, null]);
    const installed = await readFile(join(guestRoot(), 'opt/sealift-sentinel/sentinel.mjs'));
    expect(installed.equals(await readFile(inFolder('1.1.0.mjs')))).toBe(true);
    agent = startAgent();
    await untilConnected('1.1.0');
  });

  it('is replaced by its script too, and not while the guest is at rest or on its way there', async () => {
    const status = join(guestRoot(), 'run/sealift-sentinel/status.json');
    const told = await readFile(status, 'utf8');
    expect(told).toContain('"stage":"source"');
    const refused = { status: 1, stderr: expect.stringContaining('the guest is at rest for its switchover') };
    await writeFile(status, told.replace('"stage":"source"', '"stage":"quiesced"'));
    for (const action of ['upgrade', 'uninstall']) expect(install(action)).toMatchObject(refused);
    await writeFile(status, told);
    await mkdir(join(guestRoot(), 'run/sealift'));
    await writeFile(join(guestRoot(), 'run/sealift/rest.json'), '{"undo":[]}');
    for (const action of ['upgrade', 'uninstall']) expect(install(action)).toMatchObject(refused);
    await rm(join(guestRoot(), 'run/sealift'), { recursive: true });
    const identity = () => readFile(join(guestRoot(), 'etc/sealift-sentinel/cert.pem'), 'utf8');
    const before = await identity();
    expect(install('upgrade')).toMatchObject({ status: 0, stdout: 'the sentinel is upgraded\n' });
    expect(await identity()).toBe(before);
    const program = await readFile(join(guestRoot(), 'opt/sealift-sentinel/sentinel.mjs'));
    expect(program.equals(await readFile(inFolder('1.0.0.mjs')))).toBe(true);
  });

  it('has a token that nobody else can use', async () => {
    const second = inFolder('second');
    await mkdir(second);
    expect(spawnSync('tar', ['xzf', inFolder('bundle.tgz'), '-C', second]).status).toBe(0);
    const thief = spawn(
      process.execPath,
      [
        inFolder('1.0.0.mjs'),
        'run',
        '--config',
        join(second, 'sealift-sentinel/config'),
        '--status',
        join(second, 's'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    running.add(thief);
    const [line] = (await once(createInterface(thief.stdout), 'line')) as [string];
    expect(line).toBe('the gateway refused this sentinel (replayed): token: it was used already; make a new bundle');
    await kill(thief);
    expect(valueOf(await desk.list())).toMatchObject([{ state: 'enrolled.connected', refusals: 1 }]);
  });

  it('is cut off when it is revoked', async () => {
    const by = { by: 'ada', sentinel: web01 };
    valueOf(await desk.change({ type: 'RevokeSentinel', reason: 'a test', ...by }));
    const refused = () => expect(install('status').stdout).toContain('"state":"refused"');
    await vi.waitFor(refused, { timeout: 60_000, interval: 200 });
    expect(await desk.change({ type: 'UninstallSentinel', ...by })).toMatchObject({ ok: false });
  });

  it('leaves nothing behind', async () => {
    await kill(agent);
    expect(install('uninstall')).toMatchObject({ status: 0, stdout: 'the sentinel is gone\n' });
    expect(await filesOf(guestRoot())).toEqual(before);
    expect(install('status')).toMatchObject({ status: 1, stdout: 'no sentinel is installed\n' });
  });
});

describe('a bundle on a system without systemd', () => {
  it('brings an init script that starts at boot, and takes all of it away again', async () => {
    const root = inFolder('old-guest');
    for (const each of ['opt', 'run', 'var/lib', 'etc/init.d', 'etc/rc2.d', 'etc/rc3.d', 'etc/rc0.d'])
      await mkdir(join(root, each), { recursive: true });
    const before = await filesOf(root);
    const script = inFolder('unpacked/sealift-sentinel/install.sh');
    const run = (action: string) => spawnSync('sh', [script, action, '--root', root], { encoding: 'utf8' });
    expect(run('install')).toMatchObject({ status: 0 });
    expect(run('status')).toMatchObject({ status: 0, stdout: 'installed, not running\n' });
    const added = (await filesOf(root)).filter((file) => !before.includes(file));
    expect(added).toEqual(
      expect.arrayContaining([
        'etc/init.d/sealift-sentinel',
        'etc/rc2.d/S99sealift-sentinel',
        'etc/rc3.d/S99sealift-sentinel',
      ]),
    );
    expect(added.some((file) => file.includes('systemd') || file.includes('rc0.d'))).toBe(false);
    expect((await stat(join(root, 'etc/init.d/sealift-sentinel'))).mode & 0o777).toBe(0o755);
    expect(spawnSync('sh', ['-n', join(root, 'etc/init.d/sealift-sentinel')])).toMatchObject({ status: 0 });
    expect(run('uninstall')).toMatchObject({ status: 0 });
    expect(await filesOf(root)).toEqual(before);
  });
});
