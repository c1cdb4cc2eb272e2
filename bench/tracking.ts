import { execFile, execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { appendHistory, median } from '#bench/measure';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { alignUp, KiB, MiB } from '#core/units';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { wallClock } from '#replicator/wall-clock';
import { openTracker } from '#replicator/sentinel/tracking/open-tracker';
import type { Tracker } from '#replicator/sentinel/tracking/tracker';

/**
 * What change tracking costs those who write: random writes past the cache to a loop device in memory, which is quicker
 * than any disk of a guest, with and without a tracker beside them, turn by turn. And how exact it is: what marks
 * recorded against the grains of 64 KiB that were written.
 *
 *     npx tsx bench/tracking.ts [--writes 40000] [--rounds 9]        as root
 */
const { values } = parseArgs({
  options: {
    writes: { type: 'string', default: '40000' },
    rounds: { type: 'string', default: '9' },
    /** Used by itself: writes to this device and says how it went. */
    device: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const size = 256 * MiB;
const grain = 64 * KiB;
const mark = (number: number): ChangeMark => ({ owner: 'bench', number });

/** How one run of writes went. */
interface Written {
  readonly seconds: number;
  /** Processor time of the writer, its system calls included. */
  readonly cpuSeconds: number;
  readonly dirtied: number;
}

if (values.device === undefined) await compare();
else console.log(JSON.stringify(await write(values.device, Number(values.writes), Number(values.seed))));

async function write(device: string, count: number, seed: number): Promise<Written> {
  const piece = await alignedMemory(1, 32 * KiB).take();
  const file = openSync(device, constants.O_WRONLY | constants.O_DIRECT);
  const touched = new Set<number>();
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const writes = Array.from({ length: count }, () => ({
    at: next(size / (4 * KiB) - 8) * 4 * KiB,
    length: (1 + next(8)) * 4 * KiB,
  }));
  for (const { at, length } of writes)
    for (let block = Math.floor(at / grain); block * grain < at + length; block += 1) touched.add(block);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  for (const { at, length } of writes) writeSync(file, piece, 0, length, at);
  const { user, system } = process.cpuUsage(cpu);
  closeSync(file);
  return {
    seconds: (performance.now() - began) / 1_000,
    cpuSeconds: (user + system) / 1e6,
    dirtied: touched.size * grain,
  };
}

async function compare(): Promise<void> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-bench-'));
  const file = join(folder, 'disk');
  execFileSync('truncate', ['--size', String(size), file]);
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  const run = (program: string, args: readonly string[]) =>
    Promise.resolve({ status: tryRun(program, args), stderr: '' });
  const tracker = await openTracker({
    run,
    clock: wallClock,
    id: `bench-${process.pid}`,
    choice: { loops: [basename(device)] },
    mountPoint: join(folder, 'tracing'),
  });
  try {
    // Warm-up: the file gets its memory.
    execFileSync('dd', ['if=/dev/zero', `of=${device}`, 'bs=1M', `count=${size / MiB}`, 'oflag=direct', 'status=none']);
    report(await inTurn(tracker, device));
  } finally {
    await tracker.close();
    execFileSync('losetup', ['--detach', device]);
    rmSync(folder, { recursive: true });
  }
}

/** One pair of runs, with the same writes. */
interface Pair {
  readonly without: Written;
  readonly tracked: Written;
  /** Processor time of the tracker during its run. */
  readonly trackerCpuSeconds: number;
  readonly recorded: number;
}

async function inTurn(tracker: Tracker, device: string): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const tracked = async (): Promise<Omit<Pair, 'without'>> => {
      const begun = await tracker.begin(mark(round));
      if (!begun.ok) throw new Error(JSON.stringify(begun.error));
      const cpu = process.cpuUsage();
      const written = await writeApart(device, round);
      const changes = await tracker.changes(mark(round));
      const { user, system } = process.cpuUsage(cpu);
      if (!changes.ok) throw new Error(JSON.stringify(changes.error));
      const recorded = changes.value.find(({ disk }) => disk === basename(device))?.dirty ?? 0;
      await tracker.release('bench');
      return { tracked: written, trackerCpuSeconds: (user + system) / 1e6, recorded };
    };
    // Each goes first every other time: who comes second finds the caches warm.
    const first = round % 2 === 0 ? await writeApart(device, round) : undefined;
    const middle = await tracked();
    pairs.push({ ...middle, without: first ?? (await writeApart(device, round)) });
  }
  return pairs;
}

async function writeApart(device: string, seed: number): Promise<Written> {
  const args = [
    '--import',
    'tsx',
    fileURLToPath(import.meta.url),
    '--device',
    device,
    '--seed',
    String(seed),
    '--writes',
    values.writes,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Written;
}

function report(pairs: readonly Pair[]): void {
  const of = (value: (pair: Pair) => number): number => Number(median(pairs.map(value)).toFixed(3));
  const best = (value: (pair: Pair) => number): number => Math.min(...pairs.map(value));
  const result = {
    writes: Number(values.writes),
    rounds: pairs.length,
    rate: of(({ without, tracked }) => without.seconds / tracked.seconds),
    rateOfQuickest: Number(
      (best(({ without }) => without.seconds) / best(({ tracked }) => tracked.seconds)).toFixed(3),
    ),
    writerCpu: of(({ without, tracked }) => without.cpuSeconds / tracked.cpuSeconds),
    trackerMicrosecondsPerWrite: of(({ trackerCpuSeconds }) => (trackerCpuSeconds * 1e6) / Number(values.writes)),
    recordedOfDirtied: of(({ tracked, recorded }) => recorded / tracked.dirtied),
  };
  const writesPerSecond = Number(values.writes) / median(pairs.map(({ without }) => without.seconds));
  console.log(`${alignUp(Math.floor(writesPerSecond), 100)} writes a second without tracking`);
  console.log(JSON.stringify(result, null, 2));
  appendHistory('tracking', result);
}

function tryRun(program: string, args: readonly string[]): number {
  try {
    execFileSync(program, [...args], { stdio: 'ignore' });
    return 0;
  } catch {
    return 1;
  }
}
