import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { ok } from '#core/result';
import { millis, round, seconds } from '#core/units';
import { memoryDevice } from '#replicator/disk/memory-device';
import { gatewayLine, type GatewayLine } from '#replicator/gateway/ask-gateway';
import { runGateway } from '#replicator/gateway/gateway';
import { grain } from '#replicator/pipeline/digest';
import type { ReplicationJob } from '#replicator/pipeline/replication';
import { simulatedVolume } from '#simulator/block/files/volume';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { simulatedNetwork } from './simulated-network.ts';

/* What a manager asks its gateway, and over how many connections: a gateway as it is, over a network that breaks. */

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const size = 8 * grain;
const list = { type: 'ListSentinels' } as const;
const job: ReplicationJob = {
  session: 'm-1',
  disk: diskId('vda'),
  round: round(0),
  mode: 'full',
  source: { type: 'nbd', uri: 'nbd://kvm-1/vda' },
  target: 'vda.raw',
};

/** A gateway, and how often it was connected to. */
async function asking(act: (site: ReturnType<typeof siteOf>) => Promise<void>): Promise<void> {
  const site = siteOf();
  await site.clock.run(site.start().then(() => act(site)));
}

function siteOf() {
  const clock = virtualClock({ turn });
  const rng = seededRng(7);
  const note = (): void => undefined;
  const net = simulatedNetwork({ clock, rng: rng.fork('network'), note });
  const volume = simulatedVolume({ clock, rng: rng.fork('disk'), note, name: 'disk' });
  volume.placeDirectory('/data');
  const source = new Uint8Array(size).fill(7);
  let gateway: SimulatedProcess | undefined;
  const start = async (): Promise<void> => {
    gateway = simulatedProcess('gateway');
    const started = await runGateway({
      ...{ listen: 'sgw:9443', directory: '/data', state: '/data/state', packings: ['none'], clock },
      network: net.network(gateway, 'sgw', 'gateway'),
      files: volume.files(gateway),
      openSource: async () => {
        const device = memoryDevice(source, { writable: false });
        return ok({ device, changes: undefined, identity: undefined, modifiedMs: undefined });
      },
    });
    valueOf(started);
  };
  const manager = net.network(simulatedProcess('manager'), 'manager', 'manager');
  let connections = 0;
  const counted: typeof manager = {
    ...manager,
    connect: (address, signal) => {
      connections += 1;
      return manager.connect(address, signal);
    },
  };
  const line: GatewayLine = gatewayLine({ address: 'sgw:9443', network: counted, clock });
  return {
    ...{ clock, net, start, line },
    ask: async (): Promise<string> => {
      const answer = await line.ask(list, {}, () => undefined);
      return answer.ok ? answer.value.type : answer.error.type;
    },
    connections: () => connections,
    restart: async (): Promise<void> => {
      gateway?.kill();
      await start();
    },
  };
}

describe('a line to a gateway', () => {
  it('asks one question after the other on one connection', () =>
    asking(async ({ ask, connections, clock }) => {
      for (let nth = 0; nth < 5; nth += 1) {
        expect(await ask()).toBe('Denied');
        await clock.wait(seconds(2));
      }
      expect(connections()).toBe(1);
    }));

  it('connects for each question that is asked at the same time, and keeps what it has', () =>
    asking(async ({ ask, connections }) => {
      for (let nth = 0; nth < 3; nth += 1) expect(await Promise.all([ask(), ask()])).toEqual(['Denied', 'Denied']);
      expect(connections()).toBe(2);
    }));

  it('lets go of a connection on which nobody asks, or that was closed', () =>
    asking(async ({ ask, line, connections, clock }) => {
      await ask();
      await clock.wait(seconds(4));
      await ask();
      expect(connections()).toBe(2);
      await line.close();
      await ask();
      expect(connections()).toBe(3);
    }));

  it.each([0, 1_000])('asks again where its gateway was replaced meanwhile, heard of or not (%i ms)', (later) =>
    asking(async ({ ask, restart, connections, clock }) => {
      await ask();
      await restart();
      await clock.wait(millis(later));
      expect(await ask()).toBe('Denied');
      expect(connections()).toBe(2);
    }),
  );

  it('does not ask again what has begun: whoever asked may ask differently now', () =>
    asking(async ({ ask, line, net, connections }) => {
      await ask();
      const run = { type: 'Run', job: { ...job, overwrite: true }, limit: 'unlimited' } as const;
      const answer = await line.ask(run, {}, () => net.cut('manager', 'sgw'));
      expect(answer).toMatchObject({ ok: false, error: { type: 'ConnectionLost', peer: 'gateway' } });
      expect(connections()).toBe(1);
    }));

  it('ends the connection of a question that is aborted, and its job', () =>
    asking(async ({ ask, line, connections }) => {
      await ask();
      const gone = new AbortController();
      const run = { type: 'Run', job, limit: 'unlimited' } as const;
      const answer = await line.ask(run, { signal: gone.signal }, () => gone.abort());
      expect(answer).toEqual({ ok: false, error: { type: 'Cancelled' } });
      await ask();
      expect(connections()).toBe(2);
    }));
});
