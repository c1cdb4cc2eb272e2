import { randomUUID } from 'node:crypto';
import { freemem, hostname, loadavg, totalmem } from 'node:os';
import { bytes, millis } from '#core/units';
import type { AgentMachine } from './agent-machine.ts';
import { pressureOf } from './pressure.ts';
import { processorCount } from './processors.ts';

/** The machine this process runs on. */
export const thisMachine: AgentMachine = {
  hostname,
  vitals: () => {
    const { user, system } = process.cpuUsage();
    return {
      load: loadavg()[0] ?? 0,
      processors: processorCount(),
      memory: { total: bytes(totalmem()), available: bytes(freemem()) },
      own: { memory: bytes(process.memoryUsage.rss()), cpu: millis(Math.round((user + system) / 1_000)) },
    };
  },
  pressure: () => pressureOf(),
  newRun: randomUUID,
};
