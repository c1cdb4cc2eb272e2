import type { Terminal } from '#core/text/terminal';

/** What commands get from the front door. */
export interface CommandTools {
  readonly terminal: Terminal;
  /** Aborted when whoever runs the command wants it to stop. */
  readonly interrupts: () => AbortSignal;
  readonly setStatus: (status: number) => void;
}
