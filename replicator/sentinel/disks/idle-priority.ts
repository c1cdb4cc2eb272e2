import { readdirSync } from 'node:fs';

/** Runs a program and tells its exit status; null where it could not be started. */
export type Run = (program: string, args: readonly string[]) => Promise<{ readonly status: number | null }>;

/**
 * Puts the reads of this process behind everybody else's: I/O class idle, for all of its threads. Threads that begin
 * later take it from the one that begins them. Answers whether it was done: not every guest has `ionice`, and only
 * schedulers with classes (bfq) honour it. What holds everywhere is the pace.
 */
export async function readAtIdlePriority(run: Run): Promise<boolean> {
  const threads = readdirSync('/proc/self/task');
  return (await run('ionice', ['-c', '3', '-p', ...threads])).status === 0;
}
