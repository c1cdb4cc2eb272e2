import { exitStatus } from '#core/text/exit-status';
import type { Terminal } from '#core/text/terminal';

/** What is needed of a process. */
type OfProcess = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env' | 'exit'>;

/** The terminal of a process: what was asked for goes to its output, everything else to its error output. */
export function processTerminal({ stdout, stderr, env, exit }: OfProcess): Terminal {
  const isInteractive = stderr.isTTY && env['TERM'] !== 'dumb';
  const clear = '\r\u001B[K';
  let isLive = false;
  const wipe = (): string => {
    const was = isLive;
    isLive = false;
    return was ? clear : '';
  };
  // Whoever reads our output may stop reading it (`| head`): that is no failure of ours.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') exit(exitStatus.done);
    throw error;
  });
  return {
    isInteractive,
    width: stderr.columns || stdout.columns || 100,
    print: (line) => {
      if (isLive) stderr.write(wipe());
      stdout.write(`${line}\n`);
    },
    note: (line) => stderr.write(`${wipe()}${line}\n`),
    live: (line) => {
      if (!isInteractive) return;
      stderr.write(line === null ? wipe() : `${clear}${line}`);
      isLive = line !== null;
    },
  };
}
