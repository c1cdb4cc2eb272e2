import type { Clock } from '#core/clock';
import type { Check } from '#core/migration/facts';
import { after, seconds } from '#core/units';
import { parseStageFile, stagePath, type StageFile, type ValidationCheck } from '#replicator/sentinel/stage/stage-file';
import { reportLine, waitsForNetwork } from '#replicator/sentinel/stage/stage-report';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';

/** Where the unit of a sentinel is in a guest. Without it nobody in there is a sentinel. */
export const sentinelUnit = '/etc/systemd/system/sealift-sentinel.service';

/** The stage a guest that runs is in: a source, a replica in a test, a target, or one whose word cannot be read. */
export function stageOf(guest: RunningGuest): StageFile | 'source' | 'unreadable' {
  const text = guest.installed()?.files[stagePath];
  if (text === undefined) return 'source';
  const file = parseStageFile(text);
  return file.ok ? file.value : 'unreadable';
}

/** Whether there is a sentinel in a guest that is up. */
export const hasSentinel = (guest: RunningGuest): boolean =>
  guest.phase() === 'up' && (guest.installed()?.present.includes(sentinelUnit) ?? false);

/**
 * What a sentinel does in a replica that has booted: it checks, and says on the console what came of it; what needs a
 * network is checked last, and a report goes before it in which it is waited for.
 * @differs Of what a sentinel finishes inside a replica only the checks are made: names and addresses are as fix-up left them, no agent is turned off and no account made.
 */
export async function runStageTwo(guest: RunningGuest, clock: Clock): Promise<void> {
  if (!hasSentinel(guest)) return;
  const file = stageOf(guest);
  if (file === 'source' || file === 'unreadable') return;
  const inNetwork = file.checks.filter(({ kind }) => kind === 'address');
  const found: Check[] = [];
  const say = (more: readonly Check[]): void => {
    const all = [...found, ...more];
    const checks = file.checks.flatMap(({ id }) => all.filter((check) => check.id === id));
    const line = reportLine({ stage: file.stage, migration: file.migration, booted: true, checks });
    guest.print(`\r\n${line}\r\n`);
  };
  for (const check of file.checks) if (!inNetwork.includes(check)) found.push(await checked(guest, clock, check));
  if (inNetwork.length > 0) say(inNetwork.map(waits));
  for (const check of inNetwork) found.push(await checked(guest, clock, check));
  say([]);
}

const waits = ({ id }: ValidationCheck): Check => ({ id, verdict: 'warning', message: waitsForNetwork, remedy: '' });

/** Looks until it is so, or time is over: services come up when they do. */
async function checked(guest: RunningGuest, clock: Clock, check: ValidationCheck): Promise<Check> {
  const until = after(clock.now(), check.timeout);
  for (;;) {
    const { passed, message } = look(guest, check);
    if (passed || clock.now() >= until || guest.phase() !== 'up') {
      const verdict = passed ? 'passed' : check.mustSucceed ? 'failed' : 'warning';
      return { id: check.id, verdict, message, remedy: passed ? '' : 'look into the guest' };
    }
    await clock.wait(seconds(1));
  }
}

function look(guest: RunningGuest, check: ValidationCheck): { readonly passed: boolean; readonly message: string } {
  switch (check.kind) {
    case 'booted':
      return { passed: true, message: 'systemd is running' };
    case 'hostname': {
      const name = guest.installed()?.hostname ?? '';
      return { passed: name === check.expected, message: `the hostname is ${name}` };
    }
    case 'address': {
      const all = guest.nics().flatMap(({ addresses }) => addresses);
      const has = all.some((one) => one === check.address || one.split('/')[0] === check.address);
      return {
        passed: has,
        message: has ? `${check.address} is there` : `there are ${all.join(', ') || 'no addresses'}`,
      };
    }
    case 'service': {
      const found = guest.services().find(({ name }) => name === check.unit || name === `${check.unit}.service`);
      const why = found?.why ? `: ${found.why}` : '';
      return { passed: found?.state === 'running', message: `${check.unit} is ${found?.state ?? 'not known'}${why}` };
    }
    case 'script':
      return { passed: false, message: `status 127: ${check.command}: not found` };
  }
}
