import type { Heartbeat } from '#replicator/sentinel/control/words';
import type { Pressure } from './give-way.ts';

/** What an agent takes from the machine it runs on, beside disks, files and connections. */
export interface AgentMachine {
  /** As the guest calls itself now. */
  hostname(): string;
  /** How the guest and this process fare, for a heartbeat. */
  vitals(): Pick<Heartbeat, 'load' | 'processors' | 'memory' | 'own'>;
  pressure(): Promise<Pressure>;
  /** Names one run of this process: no two of them have the same. */
  newRun(): string;
}
