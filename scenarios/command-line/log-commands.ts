import type { Command } from 'commander';
import { addAuditCommand } from './audit-command.ts';
import { addCalibrateCommand } from './calibrate-command.ts';
import { addDiffCommand, type DiffSite } from './diff-command.ts';

/** Adds the commands that look back on runs: `sealift audit`, `sealift diff` and `sealift calibrate`. */
export function addLogCommands(program: Command, site: DiffSite): void {
  addAuditCommand(program, site);
  addDiffCommand(program, site);
  addCalibrateCommand(program, site);
}
