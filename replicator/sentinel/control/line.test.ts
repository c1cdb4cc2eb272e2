import type { TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import { ok } from '#core/result';
import { instant, millis, seconds } from '#core/units';
import { wallClock } from '#replicator/wall-clock';
import { socketPair } from '#test/support/socket-pair';
import { lineOver, type Line, type LineEnd } from './line.ts';

/** The wall clock in a hurry: what is to wait for twenty seconds waits for half of one. */
const speed = 40;
const clock: Clock = {
  now: () => instant(wallClock.now() * speed),
  wait: (duration, signal) => wallClock.wait(millis(Math.ceil(duration / speed)), signal),
};

const opened: { destroy(): void }[] = [];
afterEach(() => opened.splice(0).forEach((socket) => socket.destroy()));

/** Two lines that talk to each other. What they are over carries bytes as a TLS socket does. */
async function lines() {
  const sockets = await socketPair();
  opened.push(...sockets);
  const [near, far] = sockets.map((socket) =>
    lineOver(socket as unknown as TLSSocket, (json) => ok(json), seconds(20), clock),
  ) as [Line<string, object>, Line<string, object>];
  return { near, far, sockets };
}

const endOf = (line: Line<string, object>): Promise<LineEnd> =>
  new Promise((resolve) => line.listen({ onSaid: () => undefined, onEnd: resolve }));

it('a line ends when the other side was silent too long, however much is said to it', async () => {
  const { near, far } = await lines();
  const end = endOf(near);
  const farEnd = endOf(far);
  let over = false;
  void end.then(() => (over = true));
  for (let beats = 0; !over && beats < 40; beats += 1) {
    near.say({ beat: beats });
    await clock.wait(seconds(5));
  }
  expect(over).toBe(true);
  expect(await end).toEqual({ type: 'ConnectionLost', detail: 'silent for 20 s' });
  await farEnd;
});

it('a line stays while the other side says something now and then', async () => {
  const { near, far } = await lines();
  let over = false;
  for (const line of [near, far]) void endOf(line).then(() => (over = true));
  for (let beats = 0; beats < 12; beats += 1) {
    near.say({ beat: beats });
    far.say({ beat: beats });
    await clock.wait(seconds(5));
  }
  expect(over).toBe(false);
  await Promise.all([near.close(), far.close()]);
});
