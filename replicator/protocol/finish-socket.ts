import type { Clock } from '#core/clock';
import { seconds } from '#core/units';
import { deadline } from './deadline.ts';
import type { ByteStream } from './network.ts';

const closeMax = seconds(2);

/** Lets what was written arrive. Closing with bytes unread would make the kernel reset the connection, and lose them. */
export function finishSocket(stream: ByteStream, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    // A peer that neither reads nor closes must not keep us.
    const callOff = deadline(clock, closeMax, () => stream.destroy());
    stream.on('close', () => {
      callOff();
      resolve();
    });
    stream.resume();
    stream.end();
  });
}
