import type { Command } from 'commander';
import { addCalibrateCommand } from './calibrate-command.ts';
import { addDiffCommand, type DiffSite } from './diff-command.ts';

/** Adds the commands that look back on runs: `sealift diff` and `sealift calibrate`. */
export function addLogCommands(program: Command, site: DiffSite): void {
  addDiffCommand(program, site);
  addCalibrateCommand(program, site);
}
