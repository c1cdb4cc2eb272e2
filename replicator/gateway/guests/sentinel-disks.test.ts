import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId, sentinelId } from '#core/ids';
import { KiB, millis, MiB, round } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { runGateway, type Gateway } from '#replicator/gateway/gateway';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { guestAgentThrough, sentinelDesk } from '#replicator/gateway/guests-of-gateway';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import type { RunningAgent } from '#replicator/sentinel/agent/agent';
import { blockBitmap } from '#replicator/sentinel/tracking/block-bitmap';
import { wallClock } from '#replicator/wall-clock';
import { memoryGuest, type MemoryGuest } from '#test/support/memory-guest';
import { smallGuest, startSmallAgent, unpackBundle } from '#test/support/small-guest';
import { valueOf } from '#test/support/value-of';

/* Guests whose disks are in memory, and the whole way from there to a replica. */

const size = 4 * MiB;
const vda = diskId('vda');
const web01 = sentinelId('web01');
const mark = { owner: 'm-1', number: 0 };

let folder: string;
let gateway: Gateway;
let path: ReplicationPath;
let disks: MemoryGuest;
let agent: RunningAgent;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-single-'));
  const certificates = join(folder, 'certificates');
  const directory = join(folder, 'replicas');
  await mkdir(directory);
  valueOf(await makeCertificates({ directory: certificates }));
  const [listen, patience] = ['127.0.0.1:0', millis(5_000)];
  const state = join(folder, 'state');
  gateway = valueOf(await runGateway({ listen, guests: listen, directory, certificates, state, patience }));
  const place = { address: gateway.address, certificates };
  path = gatewayPath({ ...place, patience });
  const wish = { sentinel: web01, os: 'linux', standalone: false, valid: millis(60_000), by: 'ada' } as const;
  const secrets = valueOf(await sentinelDesk(place).invite(wish));
  const content = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4_096) content.writeUInt32LE(at + 1, at);
  disks = memoryGuest(vda, content, alignedMemory(8, MiB));
  const services = smallGuest();
  agent = await startSmallAgent({
    directory: await unpackBundle(secrets, join(folder, 'guest')),
    log: () => undefined,
    services: {
      ...services,
      serveDisks: async (socket) => void (await serveDisks(socket, disks, { clock: wallClock }).ended),
    },
  });
  const guest = guestAgentThrough(place, web01);
  valueOf(await guest.beginMark(mark));
  await guest.close();
});
afterEach(async () => {
  await path.close();
  await agent.stop();
  await gateway.close();
  await rm(folder, { recursive: true });
});

const job = { session: 'm-1', disk: vda, target: 'web01-vda.raw' };
const source = { type: 'sentinel', sentinel: web01, disk: vda } as const;
const replica = () => readFile(join(folder, 'replicas', 'web01-vda.raw'));

describe('a disk of a sentinel', () => {
  it('is replicated by a gateway that writes replicas itself, first all of it and then what changed', async () => {
    const full = await path.run({ ...job, round: round(0), mode: 'full', source });
    expect(valueOf(full).bytesSent).toBe(size);
    expect((await replica()).equals(disks.content)).toBe(true);
    const recorded = blockBitmap(valueOf(full).size);
    disks.content.fill(7, MiB, MiB + 10);
    recorded.add(MiB, 10);
    disks.marks.set(0, recorded);
    const changed = { ...source, changesOf: mark };
    const delta = await path.run({ ...job, round: round(1), mode: 'changes', source: changed });
    expect(valueOf(delta).bytesSent).toBe(64 * KiB);
    expect((await replica()).equals(disks.content)).toBe(true);
    expect(valueOf(await path.compare({ ...job, source }))).toMatchObject({ equal: true });
    expect(valueOf(await path.inspect(job))).toMatchObject({ complete: { round: 1 } });
  });

  it('whose mark is lost never gives a delta', async () => {
    valueOf(await path.run({ ...job, round: round(0), mode: 'full', source }));
    const changed = { ...source, changesOf: { owner: 'm-1', number: 9 } };
    const delta = await path.run({ ...job, round: round(1), mode: 'changes', source: changed });
    expect(delta).toMatchObject({ ok: false, error: { type: 'SourceFailed' } });
    expect(valueOf(await path.inspect(job))).toMatchObject({ complete: { round: 0 }, open: { round: 1 } });
  });

  it('that is not there, or of nobody, is said so', async () => {
    const nothing = await path.run({
      ...job,
      round: round(0),
      mode: 'full',
      source: { ...source, disk: diskId('vdz') },
    });
    expect(nothing).toMatchObject({ error: { type: 'SourceUnavailable', detail: 'the guest has no disk vdz' } });
    await agent.stop();
    const named = { ...job, target: '../escaped.raw' };
    const outside = await path.run({ ...named, round: round(0), mode: 'full', source });
    expect(outside).toMatchObject({ error: { type: 'TargetNameRefused' } });
  });
});
