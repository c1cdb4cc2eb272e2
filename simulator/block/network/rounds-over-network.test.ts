import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { ok } from '#core/result';
import { bytesPerSecond, millis, minutes, round, seconds } from '#core/units';
import { memoryDevice } from '#replicator/disk/memory-device';
import { runGateway } from '#replicator/gateway/gateway';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import { digestStore, pagesInMemory } from '#replicator/pipeline/digest-store';
import type { ReplicationJob } from '#replicator/pipeline/replication';
import { runReceiver } from '#replicator/receiver/receiver';
import { simulatedVolume } from '#simulator/block/files/volume';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { simulatedNetwork } from './simulated-network.ts';

/*
 * The gateway and the receiver as they are, over a network that breaks and a disk that loses what was not synced. Whatever
 * happens in the middle of a round: it goes on where it was, and both sides end with the same root.
 */

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const blocks = 48;
const size = blocks * grain;

function contentOf(seed: number): Uint8Array {
  const rng = seededRng(seed).fork('content');
  const content = new Uint8Array(size);
  // Every third block is a hole, and bytes in between cannot be packed away.
  for (let block = 0; block < blocks; block += 1)
    if (block % 3 !== 0) for (let at = 0; at < grain; at += 4) content[block * grain + at] = rng.between(1, 255);
  return content;
}

function rootOf(content: Uint8Array): string {
  const digests = digestStore(size, pagesInMemory());
  valueOf(digests.put(0, digestsOf(content, digestBlockWith('xxh64'))));
  return valueOf(digests.root());
}

/** Two sites, with 1 MB/s and 20 ms between them, and what is noted of them. */
function twoSites(seed: number) {
  const clock = virtualClock({ turn });
  const rng = seededRng(seed);
  const told: string[] = [];
  const tell = (line: string): void => void told.push(`${clock.now()} ${line}`);
  const note = (label: string, value: string | number | boolean): void => tell(`${label}: ${value}`);
  const net = simulatedNetwork({ clock, rng: rng.fork('network'), note });
  net.link('sgw', 'sdr').set({ delay: millis(20), jitterMax: millis(20), bandwidth: bytesPerSecond(1_000_000) });
  const volumeOf = (name: string) => {
    const volume = simulatedVolume({ clock, rng: rng.fork(name), note, name });
    volume.placeDirectory('/data');
    return volume;
  };
  const volumes = { sgw: volumeOf('sgw disk'), sdr: volumeOf('sdr disk') };
  const source = contentOf(seed);
  const startReceiver = async (): Promise<SimulatedProcess> => {
    const process = simulatedProcess('receiver');
    const network = net.network(process, 'sdr', 'receiver');
    const files = volumes.sdr.files(process);
    const log = (line: string): void => tell(`receiver: ${line}`);
    valueOf(await runReceiver({ listen: 'sdr:9443', directory: '/data', network, files, clock, log }));
    return process;
  };
  const startGateway = async (): Promise<SimulatedProcess> => {
    const process = simulatedProcess('gateway');
    const started = await runGateway({
      listen: 'sgw:9443',
      receiver: 'sdr:9443',
      state: '/data/state',
      network: net.network(process, 'sgw', 'gateway'),
      files: volumes.sgw.files(process),
      packings: ['none'],
      openSource: async () => {
        const device = memoryDevice(source, { writable: false });
        return ok({ device, changes: undefined, identity: undefined, modifiedMs: undefined });
      },
      patience: minutes(5),
      clock,
      log: (line) => tell(`gateway: ${line}`),
    });
    valueOf(started);
    return process;
  };
  const manager = net.network(simulatedProcess('manager'), 'manager', 'manager');
  const path = gatewayPath({ address: 'sgw:9443', network: manager, clock, patience: minutes(10) });
  return { clock, net, volumes, source, told, tell, startReceiver, startGateway, path };
}

type Sites = ReturnType<typeof twoSites>;
interface Running {
  receiver: SimulatedProcess;
  gateway: SimulatedProcess;
}

const job: ReplicationJob = {
  session: 'm-1',
  disk: diskId('vda'),
  round: round(0),
  mode: 'full',
  source: { type: 'nbd', uri: 'nbd://kvm-1/vda' },
  target: 'vda.raw',
};

/** One round with something happening when a third of it is done. */
async function replicated(seed: number, happens: (sites: Sites, running: Running) => Promise<void> | void) {
  const sites = twoSites(seed);
  const { clock, told, tell, path, volumes, source } = sites;
  const outcome = await clock.run(
    (async () => {
      const running: Running = { receiver: await sites.startReceiver(), gateway: await sites.startGateway() };
      let happened: Promise<void> | undefined;
      const report = await path.run(job, {
        onProgress: ({ done, total }) => {
          tell(`done ${done} of ${total}`);
          if (done * 3 >= total) happened ??= Promise.resolve(happens(sites, running));
        },
      });
      tell(report.ok ? `complete: ${report.value.root}` : `failed: ${report.error.type}`);
      await happened;
      return { report, happened: happened !== undefined, at: clock.now() };
    })(),
  );
  return { ...outcome, told, source, replica: volumes.sdr.content('/data/vda.raw') };
}

const troubles: Readonly<Record<string, Parameters<typeof replicated>[1]>> = {
  'nothing happens': () => undefined,
  'the link is cut': ({ net }) => net.cut('sgw', 'sdr'),
  'the link is cut over and over': async ({ net, clock }) => {
    for (let cuts = 0; cuts < 6; cuts += 1) {
      net.cut('sgw', 'sdr');
      await clock.wait(millis(700));
    }
  },
  'connections stall': ({ net }) => net.stall('sgw', 'sdr'),
  'nothing passes for a minute': async ({ net, clock }) => {
    net.link('sgw', 'sdr').partition();
    await clock.wait(minutes(1));
    net.link('sgw', 'sdr').heal();
  },
  'nothing passes for a few seconds': async ({ net, clock }) => {
    net.link('sgw', 'sdr').partition();
    await clock.wait(seconds(6));
    net.link('sgw', 'sdr').heal();
  },
  'nothing comes back for a minute': async ({ net, clock }) => {
    net.link('sgw', 'sdr').partition('sdr');
    await clock.wait(minutes(1));
    net.link('sgw', 'sdr').heal();
  },
  'the manager is cut off from its gateway': ({ net }) => net.cut('manager', 'sgw'),
  'the receiver is killed and started again': async (sites, running) => {
    running.receiver.kill();
    await sites.clock.wait(seconds(3));
    running.receiver = await sites.startReceiver();
  },
  'the gateway is killed and started again': async (sites, running) => {
    running.gateway.kill();
    await sites.clock.wait(seconds(3));
    running.gateway = await sites.startGateway();
  },
  'the power of the receiver fails': async (sites, running) => {
    sites.net.crash('sdr');
    sites.volumes.sdr.crash();
    await sites.clock.wait(seconds(40));
    sites.net.start('sdr');
    running.receiver = await sites.startReceiver();
  },
};

describe('a round', () => {
  it.each(Object.keys(troubles))('ends with equal roots: %s', async (name) => {
    const happens = troubles[name];
    if (!happens) throw new Error('no such trouble');
    for (let seed = 1; seed <= 3; seed += 1) {
      const { report, happened, replica, source } = await replicated(seed, happens);
      expect(valueOf(report).root, `seed ${seed}`).toBe(rootOf(source));
      expect(happened).toBe(true);
      expect(Buffer.compare(replica ?? new Uint8Array(0), source), `seed ${seed}`).toBe(0);
    }
  });

  it('is resumed after a cut, and not begun anew', async () => {
    const { report } = await replicated(1, ({ net }) => net.cut('sgw', 'sdr'));
    const whole = (blocks / 3) * 2 * grain;
    // What was under way was sent twice, at most.
    expect(valueOf(report).bytesOnWire).toBeLessThan(whole * 1.7);
  });

  it.each(Object.keys(troubles))('is the same again under the same seed, to the last event: %s', async (name) => {
    const happens = troubles[name];
    if (!happens) throw new Error('no such trouble');
    const first = await replicated(7, happens);
    const again = await replicated(7, happens);
    expect(again.told).toEqual(first.told);
    expect(again.at).toBe(first.at);
    expect((await replicated(8, happens)).told).not.toEqual(first.told);
  });
});
