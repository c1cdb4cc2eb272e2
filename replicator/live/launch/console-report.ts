import { readAnswer } from '#replicator/sentinel/control/calls';
import { reportMark, type StageReport } from '#replicator/sentinel/stage/stage-report';

/*
 * What a guest that boots from a replica tells on its serial console: the only way out of it while its NICs are
 * disconnected, and the first thing that one wants to read when it does not boot.
 */

/** The last whole report on a console, if there is one for this migration and stage. */
export function reportIn(
  console: string,
  { stage, migration }: Pick<StageReport, 'stage' | 'migration'>,
): StageReport | undefined {
  const lines = console.split(/\r?\n/).filter((line) => line.includes(`${reportMark} `));
  for (const line of lines.toReversed()) {
    const report = reportOf(line.slice(line.indexOf(reportMark) + reportMark.length));
    if (report?.stage === stage && report.migration === migration) return report;
  }
  return undefined;
}

function reportOf(text: string): StageReport | undefined {
  try {
    const read = readAnswer('report', JSON.parse(text));
    return read.ok ? (read.value ?? undefined) : undefined;
  } catch {
    // Half a line, or somebody else's: kernel messages may fall in between.
    return undefined;
  }
}

/** Signs on a console that a guest will not come up by itself, with what they mean. The first that is found counts. */
const signs: readonly (readonly [RegExp, string])[] = [
  [/ALERT!\s+(\S+) does not exist/, 'the initramfs does not find the root file system: it has no driver for the disk'],
  [/Kernel panic - not syncing: (.*)/, 'the kernel stopped'],
  [/grub rescue>/, 'the boot loader does not find its files'],
  [/No bootable device|Boot failed: not a bootable disk/, 'the firmware finds no boot loader'],
  [/You are in emergency mode/, 'the system went into emergency mode: a file system it needs could not be mounted'],
  [
    /Warning: \S+ does not exist(?=[^]*Entering emergency mode)/,
    'the initramfs does not find a device that the system needs: it has no driver for the disk',
  ],
  [/Entering emergency mode|dracut:\/#/, 'the initramfs stopped and waits for a person'],
  [/\(initramfs\)\s*$/, 'the initramfs stopped and waits for a person'],
];

/** Why a guest will not come up, if its console says so: what it means, and the line that says it. */
export function bootFailureIn(console: string): string | undefined {
  for (const [sign, meaning] of signs) {
    const found = sign.exec(console);
    if (found) return `${meaning} (${found[0].trim()})`;
  }
  return undefined;
}

// Enough for a boot's last screens, and little enough for a log.
const keptMax = 16 * 1_024;

/** The end of a console as it is kept in the log: what terminals are told is left out. */
export function consoleTail(console: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
  const plain = console.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]|\u001B[()][A-Z0-9]|\r/g, '');
  return plain.length <= keptMax ? plain : plain.slice(-keptMax);
}
