import type { TLSSocket } from 'node:tls';
import type { Clock } from '#core/clock';
import { err, type Result } from '#core/result';
import { codeOf } from '#replicator/disk/durable-file';
import { deadline } from './deadline.ts';
import { connectMax } from './tls-options.ts';

/** What came of waiting, in the words of whoever waits. */
export interface SecuringWords<E> {
  /** The handshake is over: whether the one who answers is wanted. */
  secured(): Result<TLSSocket, E>;
  failed(cause: Error): E;
  /** It took longer than anybody may. */
  late(detail: string): E;
  cancelled(): E;
}

/** Waits for the handshake of a socket that was opened. One that does not become what is wanted is destroyed. */
export function securedSocket<E>(
  socket: TLSSocket,
  clock: Clock,
  signal: AbortSignal | undefined,
  words: SecuringWords<E>,
): Promise<Result<TLSSocket, E>> {
  return new Promise((resolve) => {
    const settle = (outcome: Result<TLSSocket, E>): void => {
      callOff();
      signal?.removeEventListener('abort', cancel);
      socket.removeAllListeners('error');
      if (!outcome.ok) {
        // What else goes wrong with a socket that nobody has any more is of no interest.
        socket.on('error', () => undefined);
        socket.destroy();
      }
      resolve(outcome);
    };
    const cancel = (): void => settle(err(words.cancelled()));
    const late = `no answer within ${connectMax / 1_000} s`;
    const callOff = deadline(clock, connectMax, () => settle(err(words.late(late))));
    signal?.addEventListener('abort', cancel);
    socket.once('secureConnect', () => settle(words.secured()));
    socket.once('error', (cause) => settle(err(words.failed(cause))));
    if (signal?.aborted) cancel();
  });
}

// Errors of the network have codes with E and a word; those of TLS and certificates are all others.
const networkCodes = /^(ECONN|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_|EPIPE|EADDR|EACCES)/;

/** Whether the way there is what failed, and not who answered. */
export const isNetworkError = (cause: Error): boolean => networkCodes.test(codeOf(cause));
