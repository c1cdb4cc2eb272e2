import { exitStatus } from '#core/text/exit-status';
import type { Terminal } from '#core/text/terminal';

/** Aborted by the first Ctrl-C of a process or a request to end it; the second one ends it at once. */
export function interruptsOf(of: Pick<NodeJS.Process, 'on' | 'exit'>, terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) of.exit(exitStatus.interrupted);
    terminal.live(null);
    terminal.note('stopping; what is durable is kept (again to stop at once)');
    controller.abort();
  };
  of.on('SIGINT', stop);
  of.on('SIGTERM', stop);
  return controller.signal;
}

/** Resolves when a signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
