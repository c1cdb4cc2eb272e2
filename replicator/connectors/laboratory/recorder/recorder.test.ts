import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  loadProgram,
  recordBytes,
  recordFiles,
  verifyProgram,
} from '#replicator/connectors/laboratory/guest/load-programs';
import { loadReport, missingRecords } from '#replicator/connectors/laboratory/guest/load-report';
import { valueOf } from '#test/support/value-of';
import { startRecorder, type Recorder } from './recorder.ts';

const digest = (letter: string): string => letter.repeat(64);

describe('a recorder, and the load that it records', () => {
  let directory: string;
  const recorders: Recorder[] = [];
  const loads: ChildProcess[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) await end(load);
    for (const recorder of recorders.splice(0)) await recorder.close();
    await rm(directory, { recursive: true });
  });
  const start = async (port = 0): Promise<Recorder> => {
    const recorder = valueOf(await startRecorder({ path: join(directory, 'acknowledged'), port }));
    recorders.push(recorder);
    return recorder;
  };
  const files = (): string[] => recordFiles.map((path) => join(directory, path));
  const startLoad = async (port: number): Promise<ChildProcess> => {
    await writeFile(join(directory, 'load.mjs'), loadProgram);
    await writeFile(join(directory, 'load.json'), JSON.stringify({ recorder: `127.0.0.1:${port}`, perSecond: 200 }));
    const args = [join(directory, 'load.mjs'), join(directory, 'load.json'), ...files()];
    const load = spawn(process.execPath, args, { stdio: 'ignore' });
    loads.push(load);
    return load;
  };
  const verify = async (upTo: number) => {
    await writeFile(join(directory, 'verify.mjs'), verifyProgram);
    const args = [join(directory, 'verify.mjs'), String(upTo), ...files()];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return valueOf(loadReport(stdout.replaceAll(directory, '')));
  };

  it('answers a record once it is in its file, and takes the file up again', async () => {
    const first = await start();
    expect(await ask(first.port, [`1 ${digest('a')}`, `2 ${digest('b')}`])).toEqual(['1', '2']);
    expect(await readFile(join(directory, 'acknowledged'), 'utf8')).toBe(`1 ${digest('a')}\n2 ${digest('b')}\n`);
    await first.close();
    await appendFile(join(directory, 'acknowledged'), '3 ccc'); // Killed in the middle of a line.
    const second = await start();
    expect(second.acknowledged()).toEqual({ upTo: 2, digest: first.acknowledged().digest });
    expect(await ask(second.port, [`2 ${digest('b')}`, `3 ${digest('d')}`])).toEqual(['2', '3']);
    expect(second.acknowledged().upTo).toBe(3);
    expect(second.losses()).toEqual([]);
  });

  it('knows a loss by a number with another content and by a gap, and keeps neither', async () => {
    const recorder = await start();
    expect(await ask(recorder.port, [`1 ${digest('a')}`, `1 ${digest('b')}`, `3 ${digest('c')}`])).toEqual([
      '1',
      'lost 1',
      'lost 3',
    ]);
    expect(recorder.losses()).toEqual([
      'record 1 was acknowledged before with another content',
      'record 3 came after record 1',
    ]);
    expect(recorder.acknowledged().upTo).toBe(1);
  });

  it('refuses a file that is not its own', async () => {
    await writeFile(join(directory, 'acknowledged'), '2 x\n');
    expect(await startRecorder({ path: join(directory, 'acknowledged') })).toMatchObject({
      error: { type: 'FileUnusable' },
    });
  });

  it('is told only what both disks have, through kills of the load and of itself', async () => {
    let recorder = await start();
    const { port } = recorder;
    for (const [round, count] of [20, 45, 70].entries()) {
      const load = await startLoad(port);
      await recorder.reached(count, AbortSignal.timeout(20_000));
      if (round === 1) {
        await recorder.close();
        recorder = await start(port);
        await recorder.reached(count + 10, AbortSignal.timeout(20_000));
      }
      await end(load);
    }
    const { upTo } = recorder.acknowledged();
    expect(upTo).toBeGreaterThanOrEqual(70);
    const found = await verify(upTo);
    expect(missingRecords(found, recorder)).toEqual([]);
  });

  it('tells a lost, a changed and a rewritten record', async () => {
    const recorder = await start();
    await end(await startLoadUntil(recorder, 30));
    const { upTo } = recorder.acknowledged();
    const [root, data] = files() as [string, string];

    const file = await open(root, 'r+');
    await file.write('x', 5 * recordBytes + 100);
    await file.close();
    expect(missingRecords(await verify(upTo), recorder)).toEqual([
      `${recordFiles[0]}: 1 of ${upTo} acknowledged records are missing or broken, the first is 6`,
    ]);

    await truncate(data, 10 * recordBytes);
    expect(missingRecords(await verify(upTo), recorder)).toContain(
      `${recordFiles[1]}: ${upTo - 10} of ${upTo} acknowledged records are missing or broken, the first is 11`,
    );

    // A load that goes on behind a loss writes the same numbers anew, intact by themselves: the recorder tells.
    const load = await startLoad(recorder.port);
    await once(load, 'exit');
    expect(recorder.losses()).toEqual([`record 11 was acknowledged before with another content`]);
    expect((await stat(root)).size).toBe(11 * recordBytes);
  });

  async function startLoadUntil(recorder: Recorder, count: number): Promise<ChildProcess> {
    const load = await startLoad(recorder.port);
    await recorder.reached(count, AbortSignal.timeout(20_000));
    return load;
  }
});

async function end(load: ChildProcess): Promise<void> {
  if (load.exitCode !== null || load.signalCode !== null) return;
  const ended = once(load, 'exit');
  load.kill('SIGKILL');
  await ended;
}

async function ask(port: number, lines: readonly string[]): Promise<readonly string[]> {
  const socket = connect({ host: '127.0.0.1', port });
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  for (const line of lines) socket.write(`${line}\n`);
  while (heard.split('\n').length <= lines.length) await once(socket, 'data');
  socket.destroy();
  return heard.trim().split('\n');
}
