import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { factId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { exitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import { bytes, instant, MiB, round } from '#core/units';
import { loadCalibration } from '#scenarios/calibration-file';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { factsOf } from '#test/support/walked-run';
import { addCalibrateCommand } from './calibrate-command.ts';

const begun: readonly (readonly [number, MigrationFact])[] = [
  [0, { type: 'MigrationDrafted', data: { plan: samplePlan() } }],
  [5, { type: 'VerificationRequested', data: {} }],
  [40, { type: 'VerificationPassed', data: { checks: [] } }],
  [1, { type: 'ProtectionStarted', data: {} }],
  [90, { type: 'ReplicationInitiated', data: { disks: [] } }],
];
const fullSync: MigrationFact = {
  type: 'RoundCompleted',
  data: sampleReport({ round: round(0), kind: 'full', planned: bytes(500 * MiB), sent: bytes(500 * MiB) }),
};

async function logOf(steps: readonly (readonly [number, MigrationFact])[]): Promise<EventLog> {
  const log = inMemoryEventLog();
  const facts = factsOf('web', steps).map(({ type, data, metadata: { time } }, i) => ({
    ...{ id: factId(`f${i}`), type, data },
    metadata: {
      ...{ time: instant(time), actor: 'driver', correlationId: 'web', schemaVersion: 2 },
      model: { id: 'migration', version: '1' },
    },
  }));
  if (facts.length > 0) await log.append('migration-web', facts, 'none');
  return log;
}

let folder = '';
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'sealift-calibrate-'))));
afterAll(() => rm(folder, { recursive: true }));

/** Runs `sealift calibrate` with logs that got as far as their names say. */
async function calibrate(...args: readonly string[]) {
  const said: string[] = [];
  let status: number | undefined;
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addCalibrateCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 80, live: () => undefined },
      print: (line) => said.push(line),
      note: (line) => said.push(line),
    },
    openLog: (path) =>
      logOf(path.includes('empty') ? [] : path.includes('short') ? begun : [...begun, [5_000, fullSync]]),
    setStatus: (ended) => (status = ended),
  });
  program.commands.forEach((command) => command.exitOverride().configureOutput({ writeErr: () => undefined }));
  await program.parseAsync(['calibrate', ...args], { from: 'user' });
  return { status, said };
}

describe('sealift calibrate', () => {
  it('prints what a rehearsal can use, with the names of runs and not where they lay', async () => {
    const { status, said } = await calibrate('/secret/place/one.db', 'two.db');
    expect(status).toBe(exitStatus.done);
    expect(loadCalibration(said.join('\n'), 'c.yaml')).toMatchObject({
      ok: true,
      value: { runs: ['one', 'two'], migrations: 2, rounds: { rate: { median: 104_900_000, samples: 2 } } },
    });
    expect(said.join('\n')).not.toContain('secret');
  });

  it('writes a new file, and keeps one that is there', async () => {
    const out = join(folder, 'calibration.yaml');
    const { said } = await calibrate('one.db', '--out', out);
    expect(said).toEqual([
      `${out}: 1 migration in 1 run; a disk 100 MiB/s, a round 0 ms beside its bytes (medians of 1 round)`,
    ]);
    const written = await readFile(out, 'utf8');
    expect(loadCalibration(written, out).ok).toBe(true);
    await expect(calibrate('two.db', '--out', out)).rejects.toThrow(/is there already and is kept as it is/);
    expect(await readFile(out, 'utf8')).toBe(written);
    await expect(calibrate('two.db', '--out', join(out, 'c.yaml'))).rejects.toThrow(/cannot be written/);
  });

  it('gives one JSON document to programs', async () => {
    const { said } = await calibrate('one.db', '--json');
    expect(said.map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(['calibration']);
  });

  it('refuses what says too little, and what would count twice', async () => {
    await expect(calibrate('short.db')).rejects.toMatchObject({
      message: expect.stringContaining('no round was completed without interruption in short') as string,
      status: exitStatus.failed,
    });
    await expect(calibrate('empty.db', 'one.db')).rejects.toThrow(/there is no migration in empty.db/);
    await expect(calibrate('one.db', 'one.db')).rejects.toThrow(
      new Refused('one.db is given twice, and would count twice; give each log once'),
    );
  });
});
