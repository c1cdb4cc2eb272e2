import type { TLSSocket } from 'node:tls';
import { seconds } from '#core/units';

const closeMax = seconds(2);

/** Lets what was written arrive. Closing with bytes unread would make the kernel reset the connection, and lose them. */
export function finishSocket(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    // A peer that neither reads nor closes must not keep us.
    const timer = setTimeout(() => socket.destroy(), closeMax);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end();
  });
}
