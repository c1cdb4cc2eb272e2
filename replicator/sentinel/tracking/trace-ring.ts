import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { after, millis, seconds } from '#core/units';
import type { CpuBuffer, CpuStats, KernelRing } from './kernel-ring.ts';
import { readPage, type CompletedRequest } from './trace-page.ts';

/** Takes one completed request. */
export type OnRequest = (request: CompletedRequest) => void;

/** What happened to the buffers as a whole. */
export interface RingCounters {
  /** Requests that the kernel counted as recorded and that were not read yet. */
  readonly unread: number;
  /** Requests read so far. */
  readonly read: number;
  /** Whatever was dropped, overwritten or not understood so far. */
  readonly lost: number;
}

/** An open record. Not to be used by two at a time. */
export interface TraceRing {
  /** Hands out what is there, without waiting. Answers how full the fullest buffer was, from 0 to 1. */
  read(onRequest: OnRequest): number;
  /**
   * Hands out at least everything that was completed before the call. The error is a sentence: then it is not known what
   * was completed.
   */
  drain(onRequest: OnRequest): Promise<Result<void, string>>;
  /** The error is a sentence: then nothing is proven. */
  counters(): Result<RingCounters, string>;
  /** Whose writes are recorded, by the kernel's numbers of whole disks. At no moment is less recorded than both of old and new. */
  setDisks(devs: readonly number[]): Result<void, string>;
  /** Removes it from the kernel. */
  close(): void;
}

const drainMax = seconds(10);
const drainPause = millis(1);
// How many reads go by before CPUs that recorded nothing so far are looked at again.
const lookEvery = 8;

/** What is in a record of the kernel, read in order and counted. */
export function traceRing(kernel: KernelRing, clock: Clock): TraceRing {
  const { cpus, pagesMax, setDisks, close } = kernel;
  const page = Buffer.alloc(kernel.page.data.offset + kernel.page.data.size);
  let notUnderstood = 0;
  let reads = 0;

  const readCpu = (cpu: CpuBuffer, onRequest: OnRequest): number => {
    let count = 0;
    for (; cpu.readPage(page) > 0; count += 1) {
      const { missed, intact } = readPage(page, kernel.page, kernel.events, onRequest);
      if (missed || !intact) notUnderstood += 1;
    }
    return count;
  };
  const look = (): readonly CpuStats[] => cpus.map((cpu) => cpu.stats());
  return {
    read: (onRequest) => {
      if (reads++ % lookEvery === 0) look();
      const most = cpus.reduce((max, cpu) => Math.max(max, readCpu(cpu, onRequest)), 0);
      return Math.min(1, most / pagesMax);
    },
    drain: async (onRequest) => {
      try {
        // The kernel counts a record before the request's owner hears of its completion. A record may be counted and not
        // yet readable: an interrupt completed a request while another record was being written on the same CPU.
        const goals = look().map(({ entries, read }) => entries + read);
        const until = after(clock.now(), drainMax);
        for (;;) {
          for (const cpu of cpus) readCpu(cpu, onRequest);
          if (look().every(({ entries, read }, cpu) => entries === 0 || read >= (goals[cpu] ?? 0))) break;
          if (clock.now() > until) return err('records that were counted could not be read');
          await clock.wait(drainPause);
        }
        return kernel.isOn() ? ok(undefined) : err('somebody else has turned the recording off');
      } catch (cause) {
        return err(detailOf(cause));
      }
    },
    counters: () => {
      try {
        const all = look();
        const sum = (of: (stats: CpuStats) => number): number => all.reduce((total, stats) => total + of(stats), 0);
        return ok({
          unread: sum(({ entries }) => entries),
          read: sum(({ read }) => read),
          lost: sum(({ lost }) => lost) + notUnderstood,
        });
      } catch (cause) {
        return err(detailOf(cause));
      }
    },
    setDisks,
    close,
  };
}

const detailOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
