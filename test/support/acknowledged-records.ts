import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FixUpDisk } from '#core/ports/fix-up';
import { recordFiles, verifyProgram } from '#replicator/connectors/laboratory/guest/load-programs';
import { loadReport, missingRecords } from '#replicator/connectors/laboratory/guest/load-report';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import type { Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import { openSession } from '#replicator/fixup/guestfish';
import { valueOf } from '#test/support/value-of';

const run = promisify(execFile);

/** What the replicas of a laboratory guest were found to hold. */
export interface RecordsFound {
  /** Records that were acknowledged, and so looked for on either disk. */
  readonly upTo: number;
  /** Everything that speaks against them, a sentence each. */
  readonly missing: readonly string[];
}

/**
 * Looks for every acknowledged record in the bytes of the replicas alone (boot disk first), byte by byte, by mounting their
 * file systems in an appliance that writes nothing. Nobody may write to the replicas meanwhile.
 */
export async function recordsIn(replicas: readonly string[], recorder: Recorder): Promise<RecordsFound> {
  const { upTo } = recorder.acknowledged();
  const folder = await mkdtemp(join(tmpdir(), 'sealift-'));
  const disks: readonly FixUpDisk[] = replicas.map((path) => ({ path, format: 'raw' }));
  const session = valueOf(await openSession(disks, { writable: false, environment: await applianceKernel() }));
  try {
    const copies = recordFiles.map((_, index) => join(folder, `records-${index}`));
    valueOf(await session.run('mount-ro', '/dev/sda1', '/'));
    valueOf(await session.run('mount-ro', '/dev/data/srv', '/srv'));
    for (const [index, path] of recordFiles.entries())
      valueOf(await session.run('download', path, copies[index] ?? ''));
    const program = join(folder, 'verify.mjs');
    await writeFile(program, verifyProgram);
    const { stdout } = await run(process.execPath, [program, String(upTo), ...copies]);
    const report = valueOf(loadReport(stdout));
    const asInGuest = report.disks.map((disk) => ({
      ...disk,
      path: recordFiles[copies.indexOf(disk.path)] ?? disk.path,
    }));
    return { upTo, missing: missingRecords({ ...report, disks: asInGuest }, recorder) };
  } finally {
    await session.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The disks whose bytes are not those of their replicas, a sentence each. Both sides are at rest. */
export async function differences(
  disks: readonly FixUpDisk[],
  replicas: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [index, { path, format }] of disks.entries()) {
    const args = ['compare', '-f', format, '-F', 'raw', path, replicas[index] ?? ''];
    const said = await run('qemu-img', args).then(
      () => undefined,
      (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
    );
    if (said !== undefined) found.push(`${path}: ${said.trim()}`);
  }
  return found;
}
