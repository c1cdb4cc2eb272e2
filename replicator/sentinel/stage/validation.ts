import type { Clock } from '#core/clock';
import type { Check } from '#core/migration/facts';
import { after, elapsed, millis, seconds } from '#core/units';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { lineIn } from '#replicator/sentinel/inventory/block-tree';
import { parseAddresses } from '#replicator/sentinel/inventory/links';
import { readInitSystem } from '#replicator/sentinel/inventory/services';
import type { ValidationCheck } from './stage-file.ts';

const pollWait = seconds(1);
const askLimit = seconds(30);

/** What one look at one thing said. */
interface Looked {
  readonly passed: boolean;
  readonly message: string;
}

/**
 * Runs the checks in order. Each is asked again until it passes or its time is over: services come up when they do. One
 * that fails keeps none of those behind it from running: whoever reads the report wants all of it.
 */
export async function validate(
  system: GuestSystem,
  clock: Clock,
  checks: readonly ValidationCheck[],
  account?: string,
): Promise<readonly Check[]> {
  const found: Check[] = [];
  for (const check of checks) {
    const { passed, message } = await within(system, clock, check, account);
    const verdict = passed ? 'passed' : check.mustSucceed ? 'failed' : 'warning';
    found.push({ id: check.id, verdict, message, remedy: passed ? '' : remedies[check.kind] });
  }
  return found;
}

const remedies = {
  booted: 'look at the console, and at systemctl --failed in the guest',
  hostname: 'look at /etc/hostname, and at what sets it at boot (cloud-init, DHCP)',
  address: "look at the guest's network configuration on the console",
  service: 'look at its journal in the guest',
  script: 'run it in the guest, and look at what it says',
} as const satisfies Record<ValidationCheck['kind'], string>;

async function within(
  system: GuestSystem,
  clock: Clock,
  check: ValidationCheck,
  account: string | undefined,
): Promise<Looked> {
  const until = after(clock.now(), check.timeout);
  for (;;) {
    // A look may take what is left, and the first one a moment even if that is nothing.
    const left = millis(Math.max(1000, Math.min(askLimit, elapsed(clock.now(), until))));
    const looked = check.kind === 'script' ? await runScript(system, check, account) : await look(system, check, left);
    if (looked.passed || clock.now() >= until) return looked;
    await clock.wait(pollWait);
  }
}

type Script = Extract<ValidationCheck, { readonly kind: 'script' }>;

async function look(
  system: GuestSystem,
  check: Exclude<ValidationCheck, Script>,
  timeout: typeof pollWait,
): Promise<Looked> {
  switch (check.kind) {
    case 'booted':
      return lookBooted(system);
    case 'hostname': {
      const name = await lineIn(system, '/proc/sys/kernel/hostname');
      return { passed: name === check.expected, message: `the hostname is ${name}` };
    }
    case 'address': {
      const said = await system.run('ip', ['-o', 'addr', 'show'], { timeout });
      const all = parseAddresses(said.stdout).map(({ address }) => address);
      const has = all.some((one) => one === check.address || one.split('/')[0] === check.address);
      return {
        passed: has,
        message: has ? `${check.address} is there` : `there are ${all.join(', ') || 'no addresses'}`,
      };
    }
    case 'service':
      return lookService(system, check.unit);
  }
}

/** `su` asks root for no password, so that none is needed for a check. */
async function runScript(
  system: GuestSystem,
  { command, timeout: given, asAccount }: Script,
  account: string | undefined,
): Promise<Looked> {
  if (asAccount && account === undefined) return { passed: false, message: 'there is no account to run it as' };
  const timeout = millis(Math.max(1000, given));
  const ran =
    asAccount && account !== undefined
      ? await system.run('su', ['-s', '/bin/sh', '-c', command, account], { timeout })
      : await system.run('sh', ['-c', command], { timeout });
  const said = (ran.stdout.trim() || ran.stderr.trim()).split('\n').at(-1) ?? '';
  return { passed: ran.status === 0, message: `${ran.status === null ? 'ended' : `status ${ran.status}`}: ${said}` };
}

/** `degraded` is booted too: what failed may have failed at the source, and services have checks of their own. */
async function lookBooted(system: GuestSystem): Promise<Looked> {
  if ((await readInitSystem(system)) !== 'systemd') return { passed: true, message: 'the guest runs' };
  const state = (await system.run('systemctl', ['is-system-running'], { timeout: askLimit })).stdout.trim();
  return { passed: state === 'running' || state === 'degraded', message: `systemd is ${state || 'silent'}` };
}

async function lookService(system: GuestSystem, unit: string): Promise<Looked> {
  if ((await readInitSystem(system)) !== 'systemd') {
    const { status } = await system.run('service', [unit, 'status'], { timeout: askLimit });
    return { passed: status === 0, message: status === 0 ? `${unit} runs` : `${unit} does not run` };
  }
  const state = (await system.run('systemctl', ['is-active', unit], { timeout: askLimit })).stdout.trim();
  return { passed: state === 'active', message: `${unit} is ${state || 'not known'}` };
}
