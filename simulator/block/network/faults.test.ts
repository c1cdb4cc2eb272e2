import { describe, expect, it } from 'vitest';
import { bytesPerSecond, elapsed, KiB, millis, seconds, type Millis } from '#core/units';
import type { Network, SecuredConnection } from '#replicator/protocol/network';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { windowMax } from './byte-pipe.ts';
import { simulatedNetwork } from './simulated-network.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Two processes on two hosts that are connected, and what each hears, with the milliseconds since. */
async function connected(seed = 1) {
  const clock = virtualClock({ turn });
  const net = simulatedNetwork({ clock, rng: seededRng(seed), note: () => undefined });
  const processes = { a: simulatedProcess('a'), b: simulatedProcess('b') };
  const networks = { a: net.network(processes.a, 'a', 'gateway'), b: net.network(processes.b, 'b', 'receiver') };
  const heard: { readonly end: 'a' | 'b'; readonly what: string; readonly after: Millis }[] = [];
  const run = <T>(work: Promise<T>): Promise<T> => clock.run(work);
  const wait = (duration: Millis): Promise<void> => run(clock.wait(duration));
  let begun = clock.now();
  const listenTo = (end: 'a' | 'b', { stream }: SecuredConnection): void => {
    const note = (what: string): void => void heard.push({ end, what, after: elapsed(begun, clock.now()) });
    stream.on('data', (bytes) => note(`${bytes.length} bytes`));
    stream.on('error', (cause) => note(cause.message));
    stream.on('close', () => note('closed'));
  };
  const pair = async () => {
    let far: SecuredConnection | undefined;
    const onRefused = (): void => undefined;
    const listen = 'b:0';
    const onConnection = (connection: SecuredConnection): void => void (far = connection);
    const { address } = valueOf(await networks.b.listen({ listen, connectionsMax: 9, onConnection, onRefused }));
    const near = valueOf(await networks.a.connect(address));
    listenTo('a', near);
    await clock.wait(seconds(1));
    if (!far) throw new Error('nobody came');
    listenTo('b', far);
    return { near, far, address };
  };
  const { near, far, address } = await run(pair());
  begun = clock.now();
  const said = (end: 'a' | 'b'): string[] => heard.filter((event) => event.end === end).map(({ what }) => what);
  return { clock, net, processes, networks, heard, said, run, wait, near, far, address };
}

const reachable = async (network: Network, address: string): Promise<string> => {
  const outcome = await network.connect(address);
  return outcome.ok ? 'connected' : outcome.error.type;
};

describe('a simulated connection', () => {
  it('that is cut is reset at both ends, at moments of their own, and what was on its way is lost', async () => {
    const moments = new Set<boolean>();
    for (let seed = 1; seed <= 10; seed += 1) {
      const { net, near, said, heard, wait, run, networks, address } = await connected(seed);
      near.stream.write(new Uint8Array(10));
      net.cut('a', 'b');
      await wait(seconds(1));
      expect([said('a'), said('b')]).toEqual([
        ['read ECONNRESET', 'closed'],
        ['read ECONNRESET', 'closed'],
      ]);
      moments.add(heard[0]?.end === 'a');
      expect(await run(reachable(networks.a, address))).toBe('connected');
    }
    expect(moments.size).toBe(2);
  });

  it('that is stalled carries nothing, of which nobody hears; a new one does', async () => {
    const { net, near, heard, wait, run, networks, address } = await connected();
    net.stall('a', 'b');
    near.stream.write(new Uint8Array(10));
    await wait(seconds(100));
    expect(heard).toEqual([]);
    expect(await run(reachable(networks.a, address))).toBe('connected');
  });

  it('carries nothing in a direction that is blocked, and what was sent meanwhile when it is healed', async () => {
    const { net, near, far, said, wait } = await connected();
    net.link('a', 'b').partition('a');
    near.stream.write(new Uint8Array(1));
    far.stream.write(new Uint8Array(1));
    await wait(seconds(9));
    expect([said('a'), said('b')]).toEqual([['1 bytes'], []]);
    net.link('a', 'b').heal();
    await wait(seconds(9));
    expect(said('b')).toEqual(['1 bytes']);
  });

  it('of a process that is killed ends soon, after what was written or in place of it', async () => {
    const endings = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const { processes, heard, wait, far, run, networks, address } = await connected(seed);
      processes.b.kill();
      far.stream.write(new Uint8Array(10));
      await wait(seconds(1));
      expect(heard.every(({ end }) => end === 'a')).toBe(true);
      expect(heard.at(-1)?.what).toBe('closed');
      endings.add(heard.map(({ what }) => what).join(', '));
      expect(await run(reachable(networks.a, address))).toBe('Unreachable');
    }
    expect([...endings].toSorted()).toEqual(['closed', 'read ECONNRESET, closed']);
  });

  it('of a host that crashed ends without a word, and by a reset when it is talked to after a restart', async () => {
    const { net, processes, near, heard, said, wait } = await connected();
    net.crash('b');
    processes.b.kill();
    near.stream.write(new Uint8Array(10));
    await wait(seconds(1_000));
    expect(heard).toEqual([]);
    net.start('b');
    await wait(seconds(10));
    expect(said('a')).toEqual(['read ECONNRESET', 'closed']);
  });

  it('takes as long as its link says', async () => {
    const { net, near, heard, wait } = await connected();
    net.link('a', 'b').set({ delay: millis(500), jitterMax: millis(0), bandwidth: bytesPerSecond(100 * KiB) });
    near.stream.write(new Uint8Array(200 * KiB));
    await wait(seconds(100));
    const arrived = heard.reduce((sum, { what }) => sum + Number.parseInt(what, 10), 0);
    expect(arrived).toBe(200 * KiB);
    // Two seconds and the delay, and a little for the heads of packets.
    expect(heard[0]?.after).toBeGreaterThanOrEqual(500);
    expect(heard.at(-1)?.after).toBeGreaterThanOrEqual(2_500);
    expect(heard.at(-1)?.after).toBeLessThan(2_600);
  });

  it('never has more on its way than its window', async () => {
    const { near, far, wait } = await connected();
    let written = 0;
    far.stream.pause();
    for (let part = 0; part < 100; part += 1) near.stream.write(new Uint8Array(10_000), () => (written += 10_000));
    await wait(seconds(10));
    expect(written).toBeGreaterThan(windowMax - 20_000);
    expect(written).toBeLessThanOrEqual(windowMax);
    far.stream.resume();
    await wait(seconds(10));
    expect(written).toBe(1_000_000);
  });

  it('comes in pieces that depend on the seed, and on nothing else', async () => {
    const pieces = async (seed: number) => {
      const { near, heard, wait } = await connected(seed);
      for (let part = 0; part < 20; part += 1) near.stream.write(new Uint8Array(1_000 * part));
      await wait(seconds(10));
      return heard;
    };
    const first = await pieces(1);
    expect(await pieces(1)).toEqual(first);
    expect(await pieces(2)).not.toEqual(first);
    // They are not the parts that were written.
    expect(first.some(({ what }) => Number.parseInt(what, 10) % 1_000 !== 0)).toBe(true);
  });
});
