import { Option, type Command } from 'commander';
import type { Calibration } from '#simulator/calibration/calibration';
import { exitStatus } from '#core/text/exit-status';
import { formatDuration, formatPlural, formatRate } from '#core/text/format';
import { Refused } from '#core/text/refused';
import { traceOf, type DiffSite } from './diff-command.ts';

/** Adds `sealift calibrate`. */
export function addCalibrateCommand(program: Command, { terminal, openLog, setStatus }: DiffSite): void {
  program
    .command('calibrate')
    .description('fit rates, overheads and phase durations from the logs of real runs, for rehearsals to use')
    .argument('<logs...>', 'the SQLite files of the runs, such as data/*.db')
    .option('--out <file>', 'write a new file instead of printing; one that is there is kept as it is')
    .addOption(new Option('--json', 'one JSON document instead of YAML').conflicts('out'))
    .action(async (paths: readonly string[], { out, json }: { readonly out?: string; readonly json?: true }) => {
      const twice = paths.find((path, i) => paths.indexOf(path) < i);
      if (twice !== undefined) throw new Refused(`${twice} is given twice, and would count twice; give each log once`);
      const { calibrate, describeCalibrationRefusal } = await import('#simulator/calibration/calibrate');
      const runs = [];
      for (const path of paths) runs.push(await traceOf(path, openLog, nameOf(path)));
      const calibrated = calibrate(runs);
      if (!calibrated.ok) throw new Refused(describeCalibrationRefusal(calibrated.error), exitStatus.failed);
      if (json) terminal.print(JSON.stringify({ kind: 'calibration', ...calibrated.value }));
      else {
        const { calibrationText } = await import('#scenarios/calibration-file');
        const text = calibrationText(calibrated.value);
        if (out === undefined) terminal.print(text.trimEnd());
        else {
          const { newTextFile } = await import('./new-file.ts');
          await (await newTextFile(out, '--out')).write(text);
          terminal.print(`${out}: ${inShort(calibrated.value)}`);
        }
      }
      setStatus(exitStatus.done);
    });
}

/** A run is called as its file is, wherever that lies: a calibration is given to others. */
const nameOf = (path: string): string => (path.split(/[\\/]/).at(-1) ?? path).replace(/\.db$/, '');

function inShort({ runs, migrations, rounds }: Calibration): string {
  const { rate, overhead } = rounds;
  return `${formatPlural(migrations, 'migration')} in ${formatPlural(runs.length, 'run')}; a disk ${formatRate(rate.median)}, a round ${formatDuration(overhead.median)} beside its bytes (medians of ${formatPlural(rate.samples, 'round')})`;
}
