import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { build } from 'esbuild';
import { sentinelId } from '#core/ids';
import { hours } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { runGateway, type Gateway } from '#replicator/gateway/gateway';
import { sentinelDesk } from '#replicator/gateway/guests-of-gateway';
import { agentBuild, agentEntry } from '#replicator/sentinel/bundle/agent-build';
import { makeBundle } from '#replicator/sentinel/bundle/make-bundle';
import { needs, tracingNeed } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';

/*
 * A bundle installed for real, in a mount namespace in which the folders it writes to are others than this machine's, and
 * in which there is no systemd.
 */

const rights = needs(tracingNeed, 'losetup');
const web01 = sentinelId('web01');

let folder: string;
let gateway: Gateway;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-install-'));
});
afterEach(async () => {
  await gateway.close();
  await rm(folder, { recursive: true });
});

/** Installs, says when, waits until the sentinel is gone, and tells what is left of it. Where `hidden` is, nothing runs. */
const script = (at: string, hidden: string | undefined): string => `
set -e
${hidden === undefined ? '' : `mount --bind /bin/false ${hidden}`}
mkdir ${at}/layer && mount -t tmpfs none ${at}/layer
mkdir ${at}/layer/new ${at}/layer/work && mount -t overlay none -o lowerdir=/etc,upperdir=${at}/layer/new,workdir=${at}/layer/work /etc
for each in /opt /run /var/lib; do mount -t tmpfs none $each; done
tar xzf ${at}/bundle.tgz -C ${at}
sh ${at}/sealift-sentinel/install.sh
touch ${at}/installed
second=0
while [ -e /opt/sealift-sentinel ] && [ $second -lt 90 ]; do sleep 1; second=$((second + 1)); done
sleep 3
find /opt /run /var/lib -name '*sealift*'
find /etc -name '*sealift-sentinel*'
for each in /proc/[0-9]*; do tr '\\0' ' ' <$each/cmdline 2>/dev/null | grep /opt/sealift-sentinel || true; done
`;

describe.skipIf(!rights.available)(rights.title('a bundle on a system without systemd'), () => {
  it.each([
    ['the Node of the guest', false],
    ['a Node of its own where the guest has none', true],
  ] as const)('brings a sentinel that runs on %s, keeps it alive, and leaves no trace of it', async (_, standalone) => {
    const certificates = join(folder, 'certificates');
    valueOf(await makeCertificates({ directory: certificates }));
    await mkdir(join(folder, 'replicas'));
    const agent = join(folder, 'sentinel.mjs');
    await build({ ...agentBuild, entryPoints: [agentEntry], outfile: agent, define: { sealiftVersion: '"1.0.0"' } });
    const listen = '127.0.0.1:0';
    const [directory, state] = [join(folder, 'replicas'), join(folder, 'state')];
    gateway = valueOf(await runGateway({ listen, guests: listen, certificates, directory, state }));
    const desk = sentinelDesk({ address: gateway.address, certificates });
    const wish = { sentinel: web01, os: 'linux', standalone, valid: hours(1), by: 'ada' } as const;
    const secrets = valueOf(await desk.invite(wish));
    const output = join(folder, 'bundle.tgz');
    const node = await realpath(process.execPath);
    valueOf(await makeBundle({ secrets, gateway: secrets.guests, agent, output, ...(standalone && { node }) }));
    await writeFile(join(folder, 'script.sh'), script(folder, standalone ? node : undefined));
    const child = spawn('unshare', ['-m', 'sh', join(folder, 'script.sh')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    const ended = once(child, 'close');
    await vi.waitFor(() => access(join(folder, 'installed')), { timeout: 60_000, interval: 200 });
    const connected = async () => expect(valueOf(await desk.list())).toMatchObject([{ state: 'enrolled.connected' }]);
    await vi.waitFor(connected, { timeout: 60_000, interval: 200 });
    const [first] = processes();
    if (first === undefined) throw new Error('no sentinel runs');
    process.kill(first, 'SIGKILL');
    const another = () => expect(processes().filter((pid) => pid !== first)).toHaveLength(1);
    await vi.waitFor(another, { timeout: 60_000, interval: 200 });
    await vi.waitFor(connected, { timeout: 60_000, interval: 200 });
    valueOf(await desk.change({ type: 'UninstallSentinel', sentinel: web01, by: 'ada' }));
    expect(await ended).toEqual([0, null]);
    expect(Buffer.concat(said).toString()).toBe('the sentinel is installed\n');
    expect(valueOf(await desk.list())).toMatchObject([{ state: 'uninstalled' }]);
  });
});

/** The sentinels that run from where a bundle puts them. */
function processes(): readonly number[] {
  const { stdout } = spawnSync('pgrep', ['-f', '^[^ ]*node .*/opt/sealift-sentinel/sentinel.mjs run'], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter(Boolean).map(Number);
}
