import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { diskId, sentinelId, type SentinelId } from '#core/ids';
import { describeGuestAgentError, type GuestAgent } from '#core/ports/guest-agent';
import { hours, MiB, round } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { runGateway, type Gateway } from '#replicator/gateway/gateway';
import { guestAgentOf, type Guests } from '#replicator/gateway/guests/guests';
import { startDiskWriter } from '#test/support/tracked-copy';
import { unpackBundle } from '#test/support/small-guest';
import { appendHistory, writeRandom } from './measure.ts';

/**
 * What the sentinel takes of its guest: memory and processor time of the built agent while it is idle, while it tracks
 * writes, and while its disk is read in full through a gateway of this process. No peer is compared: what is asked is what
 * it costs.
 *
 * The agent is `dist/sentinel.mjs` as it is installed, with the options of its unit, in a mount namespace that looks like
 * a guest: its one disk `bench0` is a loop device in memory, and nobody else waits for anything (a gateway on the same
 * machine would make it give way).
 *
 *     npm run build && npx tsx bench/sentinel.ts [--seconds 30] [--size-mib 1024] [--pause-ms 1]        as root
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    'size-mib': { type: 'string', default: '1024' },
    /** Between two writes while tracking. */
    'pause-ms': { type: 'string', default: '1' },
    agent: { type: 'string', default: 'dist/sentinel.mjs' },
  },
});
const seconds = Number(values.seconds);
const sizeMib = Number(values['size-mib']);
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const owner = 'bench';
const web01: SentinelId = sentinelId('web01');
if (!existsSync(values.agent)) throw new Error(`${values.agent} is not there: run npm run build first`);

const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-bench-'));
// The agent does not see what is below /dev.
const folder = mkdtempSync(join(tmpdir(), 'sealift-bench-'));
const undo: (() => unknown)[] = [memory, folder].map((each) => () => rmSync(each, { recursive: true }));
try {
  await main();
} finally {
  for (const work of undo.reverse()) await work();
}

async function main(): Promise<void> {
  const device = attachDisk();
  const gateway = await startGateway();
  const guests = gateway.guests;
  if (!guests) throw new Error('a gateway without guests');
  const agent = await startAgent(device, guests);
  const guest = guestAgentOf(guests, web01);
  const looked = await guest.look();
  if (!looked.ok) throw new Error(describeGuestAgentError(looked.error));
  // Its start is over, and what it needed for it collected.
  await pause(10_000);
  const idle = await during(agent, () => pause(seconds * 1_000));
  const tracking = await track(agent, guest, device);
  const syncing = await sync(agent, guest, gateway);
  const result = { seconds, sizeMib, idle: idle.costs, tracking, syncing };
  console.log(JSON.stringify(result, null, 2));
  appendHistory('sentinel', result);
}

async function track(agent: ChildProcess, guest: GuestAgent, device: string) {
  await guest.beginMark({ owner, number: 0 });
  const writing = { seed: 1, pauseMs: Number(values['pause-ms']), device, size: sizeMib * MiB, block: 4_096 };
  const writer = await startDiskWriter(writing);
  const began = performance.now();
  const { costs } = await during(agent, () => pause(seconds * 1_000));
  const writes = await writer.stop();
  const changes = await guest.changes({ owner, number: 0 });
  await guest.release(owner);
  if (!changes.ok) throw new Error(`tracking was lost: ${JSON.stringify(changes.error)}`);
  return { ...costs, writesPerSecond: Math.round(writes / ((performance.now() - began) / 1_000)) };
}

async function sync(agent: ChildProcess, guest: GuestAgent, gateway: Gateway) {
  const disk = diskId('bench0');
  const source = await guest.openDisk(disk);
  if (!source.ok) throw new Error(JSON.stringify(source.error));
  const job = {
    session: 'bench',
    disk,
    round: round(0),
    source: source.value,
    mode: 'full',
    target: 'bench.raw',
  } as const;
  const { costs, took, cpu, value } = await during(agent, () => gateway.jobs.run(job, {}));
  if (!value.ok) throw new Error(JSON.stringify(value.error));
  return { ...costs, mibPerSecond: Math.round(sizeMib / took), cpuSecondsPerGib: rounded((cpu / sizeMib) * 1_024) };
}

/** What the agent took while something was done: the most memory, and of one processor the part. */
async function during<T>(agent: ChildProcess, work: () => Promise<T>) {
  let residentMax = 0;
  const look = (): void => void (residentMax = Math.max(residentMax, residentOf(agent.pid)));
  look();
  const looking = setInterval(look, 100);
  const [began, before] = [performance.now(), cpuOf(agent.pid)];
  const value = await work();
  const [took, cpu] = [(performance.now() - began) / 1_000, cpuOf(agent.pid) - before];
  clearInterval(looking);
  return { value, took, cpu, costs: { residentMib: Math.round(residentMax / MiB), cpu: rounded(cpu / took) } };
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}

/** Processor time of a process, in seconds, with that of the programs it has run. */
function cpuOf(pid: number | undefined): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: state is the first, user and system time the twelfth and thirteenth.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

function residentOf(pid: number | undefined): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1_024;
}

function attachDisk(): string {
  const file = join(memory, 'disk');
  writeRandom(file, sizeMib);
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  undo.push(() => execFileSync('losetup', ['--detach', device]));
  return device;
}

async function startGateway(): Promise<Gateway> {
  const certificates = join(folder, 'certificates');
  const directory = join(memory, 'replicas');
  mkdirSync(directory);
  const made = await makeCertificates({ directory: certificates });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const listen = '127.0.0.1:0';
  const state = join(folder, 'state');
  const gateway = await runGateway({ listen, guests: listen, certificates, directory, state });
  if (!gateway.ok) throw new Error(JSON.stringify(gateway.error));
  undo.push(() => gateway.value.close());
  return gateway.value;
}

/** A namespace in which the loop device is the one disk, `bench0`, and nobody waits. */
function namespace(device: string): string {
  return `
set -e
mkdir ${folder}/guest && mount -t tmpfs none ${folder}/guest && cd ${folder}/guest
mkdir -p up work block/bench0/mq/0 block/bench0/queue pressure
for each in dev size removable diskseq queue/logical_block_size queue/max_discard_segments; do
  if [ -f /sys/block/${basename(device)}/$each ]; then cat /sys/block/${basename(device)}/$each >block/bench0/$each; fi
done
echo 0 >block/bench0/mq/0/cpu_list
for each in cpu io memory; do echo 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0' >pressure/$each; done
mount -t overlay none -o lowerdir=/dev,upperdir=$PWD/up,workdir=$PWD/work /dev
mknod /dev/bench0 b $(tr : ' ' <block/bench0/dev)
mount --bind block /sys/block
if [ -d /proc/pressure ]; then mount --bind pressure /proc/pressure; fi
cd /
exec "$@"
`;
}

async function startAgent(device: string, guests: Guests): Promise<ChildProcess> {
  const wish = { name: web01, os: 'linux', standalone: false, valid: hours(1), by: owner } as const;
  const secrets = await guests.invite(wish);
  if (!secrets.ok) throw new Error(secrets.error);
  const config = await unpackBundle(secrets.value, join(folder, 'config'));
  const script = join(folder, 'namespace.sh');
  writeFileSync(script, namespace(device));
  const run = [resolve(values.agent), 'run', '--config', config, '--status', join(folder, 'status.json')];
  // As its unit starts it.
  const agent = spawn('unshare', ['-m', 'sh', script, process.execPath, '--max-old-space-size=128', ...run], {
    cwd: process.cwd(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  undo.push(async () => {
    if (agent.exitCode === null && agent.kill()) await once(agent, 'exit');
  });
  return agent;
}
