import { exitStatus, type ExitStatus } from './exit-status.ts';

/** A mistake of whoever ran a command, or something that is not there: a sentence and an exit status, never a stack. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: ExitStatus;
  constructor(message: string, status: ExitStatus = exitStatus.usage) {
    super(message);
    this.status = status;
  }
}
