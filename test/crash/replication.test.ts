import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytesPerSecond, MiB, round, seconds } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { freePort } from '#replicator/protocol/free-port';
import { grain } from '#replicator/pipeline/digest';
import { pipelineLimits } from '#replicator/pipeline/pipeline-limits';
import type { RoundProgress } from '#replicator/pipeline/replication';
import { createThrottle } from '#replicator/pipeline/throttle';
import type { ReplicateReport } from '#replicator/replicate';
import { bundleProcess } from '#test/support/bundle-process';
import type { ReplicationProcess } from '#test/support/replication-process';
import { valueOf } from '#test/support/value-of';

/*
 * Gateway, receiver and a direct replication as real processes, killed with SIGKILL in the middle of a full sync at
 * moments drawn from the seed.
 */

const size = 96 * MiB + 1_536;
// Every fourth block is a hole; the rest repeats nowhere.
const dataLength = Array.from({ length: Math.ceil(size / grain) }, (_, block) =>
  block % 4 === 3 ? 0 : Math.min(grain, size - block * grain),
).reduce((sum, length) => sum + length, 0);
const seed = inject('seed');

function drawer(from: number): () => number {
  let state = from >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}
function sourceContent(): Buffer {
  const draw = drawer(seed);
  const noise = Buffer.alloc(8 * MiB);
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(draw() * 2 ** 32, at);
  const content = Buffer.alloc(size);
  for (let block = 0; block * grain < size; block += 1) {
    if (block % 4 === 3) continue;
    const from = (block * 4_096) % (noise.length - grain);
    noise.copy(content, block * grain, from, from + grain);
    content.writeUInt32LE(block, block * grain);
  }
  return content;
}

let entry: string;
const running = new Set<ChildProcess>();

interface Started {
  /** Ends it as a power cut would, and returns when it is gone. */
  kill(): Promise<void>;
  readonly lines: AsyncIterableIterator<Record<string, unknown>>;
}

function start(what: ReplicationProcess): Started {
  const child = spawn(process.execPath, [entry, JSON.stringify(what)], { stdio: ['ignore', 'pipe', 'ignore'] });
  running.add(child);
  const gone = once(child, 'exit').then(() => running.delete(child));
  const lines = (async function* () {
    for await (const line of createInterface({ input: child.stdout }))
      yield JSON.parse(line) as Record<string, unknown>;
  })();
  return {
    lines,
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Starts a service and returns once it listens. */
async function serving(what: ReplicationProcess): Promise<Started> {
  const started = start(what);
  const { value } = await started.lines.next();
  expect(value).toHaveProperty('address');
  return started;
}

describe(`replication killed at moments drawn from seed ${seed}`, () => {
  const content = sourceContent();
  let folder: string;
  let source: string;
  beforeAll(async () => {
    entry = await bundleProcess('test/support/replication-process.ts', 'crash');
  });
  afterAll(() => unlink(entry));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-crash-'));
    source = join(folder, 'source.raw');
    await writeFile(source, content);
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  it('through gateway and receiver resumes, sends again at most the window, and ends equal', async () => {
    const certificates = join(folder, 'certificates');
    const directory = join(folder, 'replicas');
    await mkdir(directory);
    valueOf(await makeCertificates({ directory: certificates }));
    const receiverAddress = `127.0.0.1:${await freePort()}`;
    const gatewayAddress = `127.0.0.1:${await freePort()}`;
    const roles = {
      receiver: { role: 'receiver', options: { listen: receiverAddress, directory, certificates } },
      gateway: {
        role: 'gateway',
        options: { listen: gatewayAddress, receiver: receiverAddress, certificates, state: join(folder, 'state') },
      },
    } as const satisfies Record<string, ReplicationProcess>;
    const processes = { receiver: await serving(roles.receiver), gateway: await serving(roles.gateway) };

    const draw = drawer(seed + 1);
    const victims = ['receiver', 'gateway', 'receiver', 'gateway'] as const;
    // One kill in each fifth of the disk, somewhere in it; the last fifth is left to end in.
    const moments = victims.map((_, at) => ((at + draw()) / (victims.length + 1)) * size);
    const path = gatewayPath({ address: gatewayAddress, certificates, patience: seconds(60) });
    const throttle = createThrottle(bytesPerSecond(80 * MiB));
    const shown: RoundProgress[] = [];
    let kills = 0;
    let killing = Promise.resolve();
    const done = await path.run(
      {
        session: 'm-1',
        disk: diskId('vda'),
        round: round(0),
        mode: 'full',
        source: { type: 'file', path: source },
        target: 'disk.raw',
      },
      {
        throttle,
        onProgress: (progress) => {
          shown.push(progress);
          const moment = moments[kills];
          const victim = victims[kills];
          if (moment === undefined || victim === undefined || progress.done < moment) return;
          kills += 1;
          if (kills === victims.length) throttle.set('unlimited');
          killing = killing.then(async () => {
            await processes[victim].kill();
            processes[victim] = await serving(roles[victim]);
          });
        },
      },
    );
    await killing;
    const report = valueOf(done);
    expect(kills).toBe(victims.length);
    expect(Buffer.compare(await readFile(join(directory, 'disk.raw')), content)).toBe(0);
    // The last gateway read what was not durable when it came, and the same again at most for a receiver's death.
    const durable = Math.max(
      ...shown.filter(({ done: settled }) => settled <= (moments[3] ?? 0)).map((one) => one.done),
    );
    expect(report.bytesResumed).toBeGreaterThanOrEqual(durable);
    expect(report.bytesRead).toBeLessThanOrEqual(size - durable + pipelineLimits.windowMax);
    expect(report.bytesSent).toBeLessThanOrEqual(dataLength);
    for (const [at, next] of shown.entries()) expect(next.done).toBeGreaterThanOrEqual(shown[at - 1]?.done ?? 0);
    expect((await stat(join(directory, 'disk.raw'))).blocks * 512).toBeLessThan(dataLength + 4 * MiB);
    await path.close();
    await Promise.all([processes.receiver.kill(), processes.gateway.kill()]);
  });

  it('within one process resumes when it is run again, and ends equal', async () => {
    const draw = drawer(seed + 2);
    const target = join(folder, 'target.raw');
    const what: ReplicationProcess = { role: 'replicate', options: { source, target } };
    let durable = 0;
    for (let kills = 0; kills < 3; kills += 1) {
      const moment = durable + draw() * (size - durable) * 0.7;
      const started = start(what);
      for await (const line of started.lines) {
        const progress = line['progress'] as RoundProgress | undefined;
        if (progress === undefined) break;
        durable = Math.max(durable, progress.done);
        if (progress.done >= moment || progress.read >= moment + 24 * MiB) break;
      }
      await started.kill();
    }
    let report: ReplicateReport | undefined;
    for await (const line of start(what).lines) report = (line['report'] as ReplicateReport | undefined) ?? report;
    const [first] = report?.rounds ?? [];
    expect(first?.bytesResumed).toBeGreaterThanOrEqual(durable >= size ? 0 : durable);
    expect(Buffer.compare(await readFile(target), content)).toBe(0);
  });
});
