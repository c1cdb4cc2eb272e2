import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { diskId, sentinelId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { bytesPerSecond, hours, MiB, round } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { guestAgentThrough, sentinelDesk } from '#replicator/gateway/guests-of-gateway';
import { createThrottle } from '#replicator/pipeline/throttle';
import { freePort } from '#replicator/protocol/free-port';
import type { AgentProcess } from '#test/support/agent-process';
import { bundleProcess } from '#test/support/bundle-process';
import { attachLoop, sentinelRun, type LoopDisk } from '#test/support/loop-disks';
import { needs, tracingNeed } from '#test/support/programs';
import type { ReplicationProcess } from '#test/support/replication-process';
import { unpackBundle } from '#test/support/small-guest';
import { valueOf } from '#test/support/value-of';

/*
 * A disk from inside a guest to a replica, every part a process of its own: the manager here, a sentinel, a gateway, and
 * with two sites a receiver.
 */

const rights = needs(tracingNeed, 'losetup');
const web01 = sentinelId('web01');
const size = 24 * MiB;

describe.skipIf(!rights.available)(rights.title('a disk of a sentinel'), () => {
  let folder: string;
  let disk: LoopDisk;
  let file: string;
  const running = new Set<ChildProcess>();
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  const mark = (number: number): ChangeMark => ({ owner: 'm-1', number });

  beforeEach(async () => {
    folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-sites-'));
    file = at('disk');
    // A third of it holes, the rest repeats nowhere.
    const content = Buffer.alloc(size);
    for (let word = 0; word < size; word += 4)
      if (Math.floor(word / MiB) % 3 !== 0) content.writeUInt32LE(Math.imul(word + 1, 2_654_435_761) >>> 0, word);
    writeFileSync(file, content);
    disk = await attachLoop(file, size);
  });
  afterEach(async () => {
    // Sentinels take what is theirs out of the kernel again, if they are asked to end.
    await Promise.all([...running].map((child) => kill(child, 'SIGTERM')));
    // One that was killed has left its mount, and the next one ours.
    await sentinelRun('umount', ['--all-targets', at('tracing')]);
    await disk.detach();
    rmSync(folder, { recursive: true });
  });

  async function start(program: string, asked: object): Promise<ChildProcess> {
    const child = spawn(process.execPath, [program, JSON.stringify(asked)], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    await once(createInterface(child.stdout), 'line');
    return child;
  }
  async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    running.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
  /** Writes to the disk as its guest would: past the cache of the file beneath it. */
  function write(places: readonly number[], fill: string): void {
    const handle = openSync(disk.path, 'rs+');
    for (const place of places) writeSync(handle, Buffer.alloc(8_192, fill), 0, 8_192, place);
    closeSync(handle);
  }

  it.each(['multi-site', 'single-site'] as const)(
    'comes to its replica in full, by deltas, and over the death of its gateway: %s',
    async (kind) => {
      const certificates = at('certificates');
      valueOf(await makeCertificates({ directory: certificates }));
      for (const name of ['replicas', 'status']) mkdirSync(at(name));
      const program = await bundleProcess('test/support/replication-process.ts', 'replication');
      const receiver = `127.0.0.1:${await freePort()}`;
      const replicas: ReplicationProcess = {
        role: 'receiver',
        options: { listen: receiver, certificates, directory: at('replicas') },
      };
      if (kind === 'multi-site') await start(program, replicas);
      const listen = `127.0.0.1:${await freePort()}`;
      const appliance: ReplicationProcess = {
        role: 'gateway',
        options: {
          ...{ listen, certificates, state: at('state'), guests: `127.0.0.1:${await freePort()}` },
          ...(kind === 'multi-site' ? { receiver } : { directory: at('replicas') }),
        },
      };
      const gateway = await start(program, appliance);
      const place = { address: listen, certificates };
      const wish = { sentinel: web01, os: 'linux', standalone: false, valid: hours(1), by: 'ada' } as const;
      const secrets = valueOf(await sentinelDesk(place).invite(wish));
      const asked: AgentProcess = {
        ...{ config: await unpackBundle(secrets, at('config')), status: at('status', 'status.json') },
        ...{ loops: [disk.name], id: `sites-${process.pid}`, mountPoint: at('tracing') },
      };
      const agent = await start(await bundleProcess('test/support/agent-process.ts', 'agent'), asked);
      const guest = guestAgentThrough(place, web01);
      const path = gatewayPath(place);
      const jobOf = async (number: number, since?: ChangeMark) => ({
        ...{ session: 'm-1', disk: diskId(disk.name), round: round(number), target: 'web01.raw' },
        source: valueOf(await guest.openDisk(diskId(disk.name), since)),
        mode: since ? ('changes' as const) : ('full' as const),
      });
      const replica = (): Buffer => readFileSync(at('replicas', 'web01.raw'));

      expect(valueOf(await guest.look()).disks).toContainEqual({
        ...{ id: disk.name, size, tracking: { possible: true } },
      });
      valueOf(await guest.beginMark(mark(0)));
      // Its gateway dies in the middle, and is started again; marks are the sentinel's, and the round goes on.
      let restarted: Promise<ChildProcess> | undefined;
      const restart = async (): Promise<ChildProcess> => {
        await kill(gateway);
        return start(program, appliance);
      };
      const throttle = createThrottle(bytesPerSecond(16 * MiB));
      const full = await path.run(await jobOf(0), {
        throttle,
        onProgress: ({ done }) => {
          if (done > 2 * MiB) restarted ??= restart();
        },
      });
      expect(restarted).toBeDefined();
      await restarted;
      expect(valueOf(full)).toMatchObject({ size, mode: 'full' });
      expect(valueOf(full).bytesResumed).toBeGreaterThan(0);
      expect(replica().equals(readFileSync(file))).toBe(true);

      write([MiB, 5 * MiB + 4_096, size - 8_192], 'delta ');
      valueOf(await guest.advanceMark(mark(0), mark(1)));
      const delta = valueOf(await path.run(await jobOf(1, mark(0))));
      expect(delta.bytesSent).toBeGreaterThan(0);
      expect(delta.bytesSent).toBeLessThanOrEqual(6 * 65_536);
      expect(replica().equals(readFileSync(file))).toBe(true);
      expect(valueOf(await path.compare(await jobOf(1)))).toMatchObject({ equal: true });

      // Another life of the sentinel knows nothing of what was written meanwhile, and says so (L6).
      await kill(agent);
      write([9 * MiB], 'unseen ');
      await start(await bundleProcess('test/support/agent-process.ts', 'agent'), asked);
      await vi.waitFor(
        async () => expect(await guest.changes(mark(1))).toMatchObject({ error: { type: 'TrackingLost' } }),
        { timeout: 60_000, interval: 200 },
      );
      const rescan = valueOf(await path.run({ ...(await jobOf(2)), mode: 'rescan' }));
      expect(rescan.bytesSent).toBe(65_536);
      expect(replica().equals(readFileSync(file))).toBe(true);
      await guest.close();
      await path.close();
    },
  );
});
