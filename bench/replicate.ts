import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { GiB, MiB } from '#core/units';
import { appendHistory, median, writeRandom } from './measure.ts';
import { measureProcess, peakOf, startNbdServer, type Measured } from './processes.ts';

/**
 * `sealift replicate` against `nbdcopy`, whole processes, turn by turn: the same random disk over NBD into a file on the
 * same file system. Directly, and through gateway and receiver with TLS and digests. Then a large sparse disk.
 *
 *     npm run build && npx tsx bench/replicate.ts [--size-mib 2048] [--rounds 5] [--sparse-gib 64]
 *
 * Disks are on tmpfs where there is one: storage would otherwise be what is measured. Before each run as much memory as it
 * will fill is written to and freed: a hypervisor may take freed memory back after seconds, and who comes then waits for it.
 */
const { values } = parseArgs({
  options: {
    'size-mib': { type: 'string', default: '2048' },
    rounds: { type: 'string', default: '5' },
    'sparse-gib': { type: 'string', default: '64' },
    cli: { type: 'string', default: 'dist/cli.js' },
  },
});
const sizeMib = Number(values['size-mib']);
const rounds = Number(values.rounds);
const sparseGib = Number(values['sparse-gib']);
if (!existsSync(values.cli)) throw new Error(`${values.cli} is not there: run npm run build first`);

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-bench-'));
const sealift = (...args: readonly string[]): readonly string[] => [process.execPath, values.cli, ...args];
const children: ChildProcess[] = [];
try {
  await main();
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'exit')));
  rmSync(folder, { recursive: true });
}

async function main(): Promise<void> {
  console.log(
    `${sizeMib} MiB of random data from qemu-nbd to a file; ${cpus().length} cores (${cpus()[0]?.model ?? '?'})`,
  );
  const disk = join(folder, 'disk.raw');
  writeRandom(disk, sizeMib);
  const uri = await serveDisk(disk, 'disk');
  const direct = await compare('direct', uri, (target) => sealift('replicate', uri, target));
  const appliances = await startAppliances();
  const through = await compare('through gateway and receiver', uri, (target) =>
    sealift(
      'replicate',
      uri,
      target,
      '--gateway',
      appliances.gateway.address,
      '--certificates',
      appliances.certificates,
    ),
  );
  const peaks = { gateway: appliances.gateway.peak(), receiver: appliances.receiver.peak() };
  console.log(`  peak memory: gateway ${mib(peaks.gateway)}, receiver ${mib(peaks.receiver)}`);
  const sparse = await copySparse(appliances);
  appendHistory('replicate', {
    sizeMib,
    direct: direct.ratio,
    directQuickest: direct.quickest,
    throughGateway: through.ratio,
    throughGatewayQuickest: through.quickest,
    peakMib: { direct: direct.peak / MiB, gateway: peaks.gateway / MiB, receiver: peaks.receiver / MiB },
    sparse,
  });
}

async function compare(name: string, uri: string, command: (target: string) => readonly string[]) {
  const pairs: (readonly [peer: number, ours: number])[] = [];
  let peak = 0;
  const remove = (...targets: readonly string[]): void => {
    for (const target of targets)
      for (const end of ['', '.sealift-journal', '.sealift-digests', '.sealift-doubt'])
        rmSync(target + end, { force: true });
  };
  // The first pair is the warm-up: page cache, the server's buffers.
  for (let turn = 0; turn <= rounds; turn += 1) {
    const theirs = join(folder, 'theirs.raw');
    warmMemory();
    // Flushed like ours: a copy that may still be lost is not the same work.
    const peer = await measured(['nbdcopy', '--flush', uri, theirs]);
    remove(theirs);
    warmMemory();
    const ours = await measured(command(targetOf(name)));
    remove(join(folder, 'ours.raw'), join(folder, 'replicas', 'ours.raw'));
    peak = Math.max(peak, ours.peakBytes);
    if (turn > 0) pairs.push([peer.seconds, ours.seconds]);
  }
  const ratio = median(pairs.map(([theirs, ours]) => theirs / ours));
  // The quickest run of each is the one that was disturbed least: on a shared machine the steadier of the two.
  const quickest = Math.min(...pairs.map(([theirs]) => theirs)) / Math.min(...pairs.map(([, ours]) => ours));
  console.log(
    `${name}: ${ratio.toFixed(2)} x nbdcopy (median of ${rounds} pairs), ${quickest.toFixed(2)} x (quickest of each), peak memory ${mib(peak)}`,
  );
  return { ratio: Number(ratio.toFixed(3)), quickest: Number(quickest.toFixed(3)), peak };
}

/** Leaves as much memory free and at hand as a copy fills. */
function warmMemory(): void {
  const file = join(folder, 'warm');
  const zeroes = Buffer.alloc(MiB);
  const descriptor = openSync(file, 'w');
  for (let written = 0; written < sizeMib + 64; written += 1) writeSync(descriptor, zeroes);
  closeSync(descriptor);
  rmSync(file);
}

function targetOf(name: string): string {
  return name === 'direct' ? join(folder, 'ours.raw') : 'ours.raw';
}

async function measured(command: readonly string[]): Promise<Measured> {
  const result = await measureProcess(command);
  if (result.status !== 0) throw new Error(`${command.join(' ')} ended with ${result.status}:\n${result.output}`);
  return result;
}

interface Appliance {
  readonly address: string;
  readonly peak: () => number;
}

async function startAppliances() {
  const certificates = join(folder, 'certificates');
  execFileSync(process.execPath, [values.cli, 'certs', certificates]);
  const directory = join(folder, 'replicas');
  mkdirSync(directory);
  const listen = ['--listen', '127.0.0.1:0', '--certificates', certificates, '--json'];
  const receiver = await startAppliance('receiver', '--directory', directory, ...listen);
  const state = join(folder, 'gateway-state');
  const gateway = await startAppliance('gateway', '--receiver', receiver.address, '--state', state, ...listen);
  return { certificates, gateway, receiver };
}

async function startAppliance(...args: readonly string[]): Promise<Appliance> {
  const [program = '', ...rest] = sealift(...args);
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { readonly type: string; readonly address?: string };
    if (said.type !== 'listening' || said.address === undefined) continue;
    child.stdout.resume();
    return { address: said.address, peak: () => peakOf(child.pid) };
  }
  throw new Error(`sealift ${args.join(' ')} did not listen`);
}

/** A disk of which a few hundred MiB are allocated, in pieces all over it: what it costs, and whose memory grows. */
async function copySparse(appliances: Awaited<ReturnType<typeof startAppliances>>) {
  const disk = join(folder, 'sparse.raw');
  const pieces = 256;
  const file = await open(disk, 'w');
  await file.truncate(sparseGib * GiB);
  const piece = Buffer.alloc(MiB, 0x5a);
  for (let n = 0; n < pieces; n += 1) await file.write(piece, 0, MiB, Math.floor((n * sparseGib * GiB) / pieces));
  await file.close();
  const uri = await serveDisk(disk, 'sparse');
  const report = async (name: string, command: readonly string[]): Promise<number> => {
    const { seconds, peakBytes, output } = await measured([...command, '--json']);
    const { rounds: done } = JSON.parse(output) as { readonly rounds: readonly { readonly bytesSent: number }[] };
    const sent = done.reduce((sum, { bytesSent }) => sum + bytesSent, 0) / (pieces * MiB);
    console.log(
      `${sparseGib} GiB sparse, ${pieces} MiB allocated, ${name}: ${seconds.toFixed(1)} s, ${sent.toFixed(3)} x the allocated bytes sent, peak memory ${mib(peakBytes)}`,
    );
    return peakBytes / MiB;
  };
  const direct = await report('direct', sealift('replicate', uri, join(folder, 'sparse-copy.raw')));
  const { gateway, receiver, certificates } = appliances;
  const through = ['--gateway', gateway.address, '--certificates', certificates];
  await report('through gateway and receiver', sealift('replicate', uri, 'sparse-copy.raw', ...through));
  console.log(`  peak memory: gateway ${mib(gateway.peak())}, receiver ${mib(receiver.peak())}`);
  return { gib: sparseGib, peakMib: { direct, gateway: gateway.peak() / MiB, receiver: receiver.peak() / MiB } };
}

async function serveDisk(disk: string, name: string): Promise<string> {
  const { child, uri } = await startNbdServer(disk, join(folder, `${name}.socket`));
  children.push(child);
  return uri;
}

function mib(length: number): string {
  return `${Math.round(length / MiB)} MiB`;
}
