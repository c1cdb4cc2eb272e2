import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import { elapsed, KiB, millis, MiB, seconds, type Millis } from '#core/units';
import { silenceMax, type ChannelEnd } from '#replicator/protocol/channel';
import { connectPeer } from '#replicator/protocol/connect';
import type { Listener, Network, SecuredConnection } from '#replicator/protocol/network';
import type { Role } from '#replicator/protocol/role';
import { serve } from '#replicator/protocol/serve';
import { connectMax } from '#replicator/protocol/tls-options';
import { valueOf } from '#test/support/value-of';

/** Some processes and what is between them. */
export interface NetworkWorld {
  readonly clock: Clock;
  /** The network as a process of this role sees it. */
  network(role: Role): Network;
  /** Where a process of this role may listen, at a free port. */
  listenAt(role: Role): string;
  /** Where others reach what listens there, over a way that can be blocked. */
  reach(address: string): Promise<string>;
  /** From now on nothing passes, and nobody is told. */
  partition(): void;
  heal(): void;
  /** Does it in the time of this world. */
  run<T>(work: () => Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

/** What every Network promises, and what channels make of it. */
export function networkContract(name: string, start: () => Promise<NetworkWorld>): void {
  describe(`Network contract: ${name}`, () => {
    let world: NetworkWorld;
    beforeEach(async () => {
      world = await start();
    });
    afterEach(() => world.dispose());

    const pattern = (length: number, seed = 0): Uint8Array =>
      Uint8Array.from({ length }, (_, at) => (at * 7 + seed) % 251);
    /** Listens as a receiver; `next` is who came. */
    const listening = async (
      connectionsMax = 8,
    ): Promise<{ readonly listener: Listener; readonly next: () => Promise<SecuredConnection> }> => {
      const came: SecuredConnection[] = [];
      const waiting: ((connection: SecuredConnection) => void)[] = [];
      const listener = valueOf(
        await world.network('receiver').listen({
          listen: world.listenAt('receiver'),
          connectionsMax,
          onConnection: (connection) => {
            // Nothing but what it does is looked at here.
            connection.stream.on('error', () => undefined);
            const first = waiting.shift();
            if (first) first(connection);
            else came.push(connection);
          },
          onRefused: () => undefined,
        }),
      );
      return {
        listener,
        next: () => {
          const first = came.shift();
          return first ? Promise.resolve(first) : new Promise((resolve) => waiting.push(resolve));
        },
      };
    };
    const connected = async (address: string, signal?: AbortSignal): Promise<SecuredConnection> => {
      const connection = valueOf(await world.network('gateway').connect(await world.reach(address), signal));
      connection.stream.on('error', () => undefined);
      return connection;
    };
    const pair = async () => {
      const { listener, next } = await listening();
      const near = await connected(listener.address);
      return { listener, near, far: await next() };
    };
    const closed = ({ stream }: SecuredConnection): Promise<void> =>
      new Promise((resolve) => stream.on('close', () => resolve()));
    /** What arrives until there are `count` bytes. */
    const received = ({ stream }: SecuredConnection, count: number): Promise<Uint8Array> =>
      new Promise((resolve) => {
        const all = new Uint8Array(count);
        let at = 0;
        stream.on('data', (bytes) => {
          all.set(bytes.subarray(0, count - at), at);
          at += bytes.length;
          if (at >= count) resolve(all);
        });
      });
    const write = ({ stream }: SecuredConnection, part: Uint8Array): Promise<void> =>
      new Promise((resolve) => stream.write(part, () => resolve()));
    const ended = (): { readonly end: Promise<ChannelEnd>; readonly onEnd: (end: ChannelEnd) => void } => {
      let onEnd: (end: ChannelEnd) => void = () => undefined;
      return { end: new Promise((resolve) => (onEnd = resolve)), onEnd: (end) => onEnd(end) };
    };

    describe('a connection', () => {
      it('shows each end who the other is', () =>
        world.run(async () => {
          const { near, far } = await pair();
          expect([near.shown, far.shown]).toEqual(['receiver', 'gateway']);
        }));

      it('carries bytes both ways, all of them, in order', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const there = received(far, MiB);
          const back = received(near, 300 * KiB);
          const [long, short] = [pattern(MiB), pattern(300 * KiB, 9)];
          for (let at = 0; at < MiB; at += 128 * KiB) near.stream.write(long.subarray(at, at + 128 * KiB));
          far.stream.write(short.subarray(0, 1));
          far.stream.write(short.subarray(1));
          expect(Buffer.compare(await there, long)).toBe(0);
          expect(Buffer.compare(await back, short)).toBe(0);
        }));

      it('keeps what arrives before anybody listens', () =>
        world.run(async () => {
          const { near, far } = await pair();
          await write(near, pattern(5_000));
          await world.clock.wait(seconds(1));
          expect(Buffer.compare(await received(far, 5_000), pattern(5_000))).toBe(0);
        }));

      it('reads into one buffer, where that is possible, and loses nothing', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const seen: number[] = [];
          const all = new Promise<void>((resolve) => {
            const take = (bytes: Uint8Array): void => {
              seen.push(...bytes);
              if (seen.length === 40_000) resolve();
            };
            far.readInto?.(Buffer.allocUnsafeSlow(16 * KiB), take);
            far.stream.on('data', take);
          });
          near.stream.write(pattern(40_000));
          await all;
          expect(seen).toEqual([...pattern(40_000)]);
        }));

      it('leaves to a listener what it was given, whatever comes later', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const kept: Uint8Array[] = [];
          const all = new Promise<void>((resolve) => {
            let arrived = 0;
            far.stream.on('data', (bytes) => {
              kept.push(bytes);
              arrived += bytes.length;
              if (arrived === MiB) resolve();
            });
          });
          near.stream.write(pattern(MiB));
          await all;
          expect(Buffer.compare(Buffer.concat(kept), pattern(MiB))).toBe(0);
        }));

      it('lets memory be used again once its bytes are the system’s', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const memory = pattern(100 * KiB);
          const arrives = received(far, 100 * KiB);
          await write(near, memory);
          memory.fill(0);
          expect(Buffer.compare(await arrives, pattern(100 * KiB))).toBe(0);
        }));

      it('holds back who writes while the other end does not read, and goes on when it does', () =>
        world.run(async () => {
          const { near, far } = await pair();
          let arrived = 0;
          let written = 0;
          const count = 32 * MiB;
          const all = new Promise<void>((resolve) => {
            far.stream.on('data', (bytes) => {
              arrived += bytes.length;
              if (arrived === count) resolve();
            });
          });
          far.stream.pause();
          const part = new Uint8Array(MiB);
          for (let at = 0; at < count; at += part.length) near.stream.write(part, () => (written += part.length));
          await world.clock.wait(seconds(15));
          expect(far.stream.isPaused()).toBe(true);
          expect(written).toBeLessThan(count);
          far.stream.resume();
          await all;
          expect(written).toBe(count);
        }));

      it('that is ended lets what was written arrive, and then is over at both ends', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const over = [closed(near), closed(far)];
          const arrives = received(far, 200 * KiB);
          near.stream.on('data', () => undefined);
          near.stream.write(pattern(200 * KiB));
          near.stream.end();
          expect(Buffer.compare(await arrives, pattern(200 * KiB))).toBe(0);
          await Promise.all(over);
          expect([near.stream.destroyed, far.stream.destroyed]).toEqual([true, true]);
        }));

      it('that is destroyed is over at both ends, and nobody waits for what was not sent', () =>
        world.run(async () => {
          const { near, far } = await pair();
          const over = [closed(near), closed(far)];
          far.stream.on('data', () => undefined);
          far.stream.pause();
          const writes = Array.from({ length: 32 }, () => write(near, new Uint8Array(MiB)));
          await world.clock.wait(seconds(1));
          near.stream.destroy();
          await Promise.all(writes);
          far.stream.resume();
          await Promise.all(over);
        }));
    });

    describe('connecting and listening', () => {
      it('say what is wrong with an address, and that it is taken', () =>
        world.run(async () => {
          const { listener } = await listening();
          const network = world.network('receiver');
          const onConnection = (): void => undefined;
          const wanted = { connectionsMax: 1, onConnection, onRefused: onConnection };
          const taken = await network.listen({ ...wanted, listen: listener.address });
          expect(taken).toEqual({ ok: false, error: { type: 'AddressInUse', address: listener.address } });
          const wrong = await network.listen({ ...wanted, listen: 'nowhere' });
          expect(wrong).toMatchObject({ ok: false, error: { type: 'AddressInvalid' } });
          expect(await network.connect('nowhere')).toMatchObject({ ok: false, error: { type: 'Unreachable' } });
        }));

      it('do not reach what has stopped listening, nor wait when told not to', () =>
        world.run(async () => {
          const { listener } = await listening();
          const address = listener.address;
          const aborted = AbortSignal.abort();
          const cancelled = await world.network('gateway').connect(address, aborted);
          expect(cancelled).toEqual({ ok: false, error: { type: 'Cancelled' } });
          await listener.close();
          const refused = await world.network('gateway').connect(address);
          expect(refused).toMatchObject({ ok: false, error: { type: 'Unreachable' } });
        }));

      it('stop within their time where nobody answers', async () => {
        const { outcome, took } = await world.run(async () => {
          const { listener } = await listening();
          const address = await world.reach(listener.address);
          world.partition();
          const begun = world.clock.now();
          const connection = await world.network('gateway').connect(address);
          return { outcome: connection, took: elapsed(begun, world.clock.now()) };
        });
        expect(outcome).toMatchObject({ ok: false, error: { type: 'Unreachable', detail: /no answer within 10 s/ } });
        expect(took).toBeGreaterThanOrEqual(connectMax * 0.9);
      });

      it('take no more than may be there at once', () =>
        world.run(async () => {
          const { listener, next } = await listening(1);
          await connected(listener.address);
          await next();
          const second = await world.network('gateway').connect(await world.reach(listener.address));
          expect(second).toMatchObject({ ok: false, error: { type: 'Unreachable' } });
        }));

      it('are over when the last connection is', () =>
        world.run(async () => {
          const { listener, near, far } = await pair();
          let isOver = false;
          const over = listener.close().then(() => (isOver = true));
          await world.clock.wait(seconds(1));
          expect(isOver).toBe(false);
          far.stream.destroy();
          near.stream.resume();
          await over;
        }));
    });

    describe('a channel', () => {
      /** A gateway and a receiver that have greeted each other; how their channels end, and when. */
      const greeted = async () => {
        const { clock } = world;
        const atReceiver = ended();
        const service = valueOf(
          await serve({
            listen: world.listenAt('receiver'),
            network: world.network('receiver'),
            clock,
            admits: 'gateway',
            onPeer: async (channel) => {
              channel.listen({ onIncoming: () => undefined, onEnd: atReceiver.onEnd });
              await atReceiver.end;
            },
          }),
        );
        const address = await world.reach(service.address);
        const { channel } = valueOf(
          await connectPeer({ address, peer: 'receiver', network: world.network('gateway'), clock }),
        );
        const atGateway = ended();
        channel.listen({ onIncoming: () => undefined, onEnd: atGateway.onEnd });
        return { service, channel, atGateway, atReceiver };
      };

      it('stays while nothing is said, and ends at both ends when the other was silent too long', async () => {
        const { ends, took } = await world.run(async () => {
          const { service, channel, atGateway, atReceiver } = await greeted();
          let over = false;
          void atGateway.end.then(() => (over = true));
          await world.clock.wait(millis(silenceMax * 2));
          expect(over).toBe(false);
          world.partition();
          const begun = world.clock.now();
          // What is said to somebody who is gone proves nothing.
          for (let says = 0; !over && says < 200; says += 1) {
            channel.say({ type: 'Limit', limit: 'unlimited' });
            await world.clock.wait(seconds(2));
          }
          expect(over).toBe(true);
          const found = await Promise.all([atGateway.end, atReceiver.end]);
          const lasted: Millis = elapsed(begun, world.clock.now());
          await channel.close();
          await service.close();
          return { ends: found, took: lasted };
        });
        const silent = { type: 'ConnectionLost', detail: 'silent for 20 s' };
        expect(ends).toEqual([silent, silent]);
        expect(took).toBeGreaterThan(silenceMax * 0.75);
        // Wall clocks of busy machines are late; in virtual time it is exact (see the tests of the simulated network).
        expect(took).toBeLessThan(silenceMax * 10);
      });

      it('survives what is shorter than that', () =>
        world.run(async () => {
          const { service, channel, atGateway, atReceiver } = await greeted();
          let over = false;
          for (const { end } of [atGateway, atReceiver]) void end.then(() => (over = true));
          world.partition();
          await world.clock.wait(seconds(10));
          world.heal();
          await world.clock.wait(seconds(40));
          expect(over).toBe(false);
          await channel.close();
          await service.close();
        }));

      it('is not made with somebody who does not greet', () =>
        world.run(async () => {
          const { listener, next } = await listening();
          void next().then(({ stream }) => stream.on('data', () => undefined));
          const address = await world.reach(listener.address);
          const { clock } = world;
          const outcome = await connectPeer({ address, peer: 'receiver', network: world.network('gateway'), clock });
          const detail = 'it does not answer';
          expect(outcome).toEqual({ ok: false, error: { type: 'Unreachable', peer: 'receiver', address, detail } });
        }));

      it('throws out who says nothing', () =>
        world.run(async () => {
          const lines: string[] = [];
          const service = valueOf(
            await serve({
              listen: world.listenAt('receiver'),
              network: world.network('receiver'),
              clock: world.clock,
              admits: 'gateway',
              onPeer: async () => undefined,
              log: (line) => lines.push(line),
            }),
          );
          const silent = await connected(service.address);
          silent.stream.on('data', () => undefined);
          await closed(silent);
          expect(lines).toEqual([expect.stringContaining('no greeting came')]);
          await service.close();
        }));
    });
  });
}
