import { Option } from 'commander';
import type { Terminal } from '#core/text/terminal';

/** What commands get from the front door. */
export interface CommandTools {
  readonly terminal: Terminal;
  /** Aborted when whoever runs the command wants it to stop. */
  readonly interrupts: () => AbortSignal;
  readonly setStatus: (status: number) => void;
  /** The agent for guests, as a file, and its version. */
  readonly agent: { readonly path: string; readonly version: string };
}

/** Where `sealift certs` put the certificates. */
export const certificatesOption = () =>
  new Option('--certificates <directory>', 'where sealift certs put the certificates').default('certificates');
