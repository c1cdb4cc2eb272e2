import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { diskId } from '#core/ids';
import { KiB, MiB, round } from '#core/units';
import { directPath } from '#replicator/pipeline/direct-path';
import { describeReplicationError, type ReplicationJob, type RoundReport } from '#replicator/pipeline/replication';
import { appendHistory } from './measure.ts';
import { startNbdServer } from './processes.ts';

/**
 * What a delta sync sends against what was dirtied, at QEMU's grain of 64 KiB: a qcow2 disk with a dirty bitmap, written
 * to at random in pieces of 4 to 256 KiB by qemu-io, read by its bitmap over NBD, and compared afterwards.
 *
 *     npx tsx bench/delta.ts [--size-mib 1024] [--writes 400] [--seed 1]
 */
const { values } = parseArgs({
  options: {
    'size-mib': { type: 'string', default: '1024' },
    writes: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
  },
});
const grain = 64 * KiB;
const bitmap = 'bench';
const size = Number(values['size-mib']) * MiB;
const folder = mkdtempSync(join(tmpdir(), 'sealift-bench-'));
const disk = join(folder, 'disk.qcow2');
const path = directPath();
try {
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, String(size)]);
  qemuIo([`write -q -P 1 0 ${size / 4}`]);
  await replicate(0);
  execFileSync('qemu-img', ['bitmap', '--add', '-g', String(grain), disk, bitmap]);
  const dirtied = writeAtRandom(Number(values.writes), Number(values.seed));
  const { bytesSent, bytesZeroed } = await replicate(1);
  const ratio = (bytesSent + bytesZeroed) / dirtied;
  console.log(
    `${values.writes} random writes dirtied ${(dirtied / MiB).toFixed(1)} MiB at 64 KiB grain; the delta sync sent ${ratio.toFixed(3)} x that, and the disks are equal`,
  );
  appendHistory('delta', { writes: Number(values.writes), sentOverDirtied: Number(ratio.toFixed(4)) });
} finally {
  await path.close();
  rmSync(folder, { recursive: true });
}

function qemuIo(commands: readonly string[]): void {
  execFileSync('qemu-io', ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), disk]);
}

/** Writes in pieces that fit no grain. Returns how many bytes of whole grains they touched. */
function writeAtRandom(count: number, seed: number): number {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const touched = new Set<number>();
  const commands: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const length = (1 + next(64)) * 4 * KiB;
    const start = next((size - length) / (4 * KiB)) * 4 * KiB;
    for (let block = Math.floor(start / grain); block * grain < start + length; block += 1) touched.add(block);
    commands.push(`write -q -P ${1 + (n % 255)} ${start} ${length}`);
  }
  qemuIo(commands);
  return touched.size * grain;
}

async function replicate(number: 0 | 1): Promise<RoundReport> {
  const options = number === 0 ? [] : [`--bitmap=${bitmap}`];
  const { child, uri } = await startNbdServer(disk, join(folder, `socket-${number}`), { format: 'qcow2', options });
  const job: ReplicationJob = {
    session: 'bench',
    disk: diskId('disk'),
    round: round(number),
    source: { type: 'nbd', uri, ...(number === 1 && { changesContext: `qemu:dirty-bitmap:${bitmap}` }) },
    mode: number === 0 ? 'full' : 'changes',
    target: join(folder, 'replica.raw'),
  };
  try {
    const report = await path.run(job);
    if (!report.ok) throw new Error(describeReplicationError(report.error));
    const compared = await path.compare(job);
    if (!compared.ok) throw new Error(describeReplicationError(compared.error));
    if (!compared.value.equal) throw new Error(`the replica differs after round ${number}`);
    return report.value;
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}
