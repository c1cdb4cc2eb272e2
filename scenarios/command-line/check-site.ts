import type { Clock } from '#core/clock';
import type { EventLog } from '#core/event-log/event-log';
import type { ExitStatus } from '#core/text/exit-status';
import type { Terminal } from '#core/text/terminal';
import type { Scenario } from '#scenarios/scenario';
import type { ReadScenario } from './read-scenario.ts';

/** What `sealift check` needs of the process it runs in. */
export interface CheckSite {
  readonly terminal: Terminal;
  /** Wall time, for the time left and for how long to shrink. */
  readonly clock: Clock;
  readonly cores: number;
  /** The module that a thread runs, and the one in which it finds `runBlock`. */
  readonly worker: URL;
  readonly runner: URL;
  /** Aborted by Ctrl-C. */
  readonly interrupts: () => AbortSignal;
  /** Reads a scenario by its path, or by its name in the library. */
  readonly readScenario: (word: string) => Promise<ReadScenario<Scenario>>;
  /** Makes a log that is not there yet. */
  readonly createLog: (path: string) => Promise<EventLog>;
  /** The version of the code, as precisely as it is known. */
  readonly commit: () => Promise<string>;
  readonly setStatus: (status: ExitStatus) => void;
}
