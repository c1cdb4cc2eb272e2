/**
 * A sentinel as a process of its own whose disks are loop devices, for tests and benches.
 *
 * `node agent-process.mjs '<JSON>'`. Says what an agent says, one line after the other, and `{ end }` at the end.
 */
import { runSentinel } from '#replicator/sentinel/agent/run-sentinel';
import { liveServices } from '#replicator/sentinel/agent/live-services';
import { liveGuestSystem } from '#replicator/sentinel/folder-guest-system';
import { wallClock } from '#replicator/wall-clock';

/** What the process is to be. */
export interface AgentProcess {
  /** The files of its bundle. */
  readonly config: string;
  readonly status: string;
  /** Its disks: `loop3`. */
  readonly loops: readonly string[];
  /** Names its instance of tracing: two at a time need two. */
  readonly id: string;
  /** Where tracefs is mounted if it is nowhere. */
  readonly mountPoint: string;
}

const { config, status, loops, id, mountPoint } = JSON.parse(process.argv[2] ?? '{}') as AgentProcess;
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
const log = (line: string): void => void process.stdout.write(`${line}\n`);
const version = '1.0.0';
const end = await runSentinel({
  ...{ config, status, version, clock: wallClock, signal: stopping.signal, log },
  place: { program: undefined, script: undefined },
  services: () =>
    liveServices({
      ...{ system: liveGuestSystem(), clock: wallClock, version, entrance: { stage: 'source' } },
      tracking: { choice: { loops }, id, mountPoint },
    }),
});
log(JSON.stringify({ end }));
