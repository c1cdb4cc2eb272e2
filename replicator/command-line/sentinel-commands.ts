import { userInfo } from 'node:os';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { sentinelId, type SentinelId } from '#core/ids';
import { exitStatus } from '#core/text/exit-status';
import { formatBytes, formatDuration } from '#core/text/format';
import { plainLine } from '#core/text/plain-text';
import { Refused } from '#core/text/refused';
import { hours, type Millis } from '#core/units';
import type { SentinelSummary } from '#replicator/protocol/guest-message';
import { wallClock } from '#replicator/wall-clock';
import { certificatesOption, type CommandTools } from './command-tools.ts';

interface GatewayArguments {
  readonly gateway: string;
  readonly certificates: string;
  readonly json?: true;
}

/** Adds `sealift sentinel`: bundles, what a gateway knows of its sentinels, and the agent itself. */
export function addSentinelCommands(program: Command, tools: CommandTools): void {
  const sentinel = program
    .command('sentinel')
    .description('the agents in source guests: bundles, state, and the agent itself');
  addBundle(sentinel, tools);
  addList(sentinel, tools);
  addChanges(sentinel, tools);
  addAccount(sentinel, tools);
  addRun(sentinel, tools);
  addStatus(sentinel, tools);
}

const gatewayOption = () =>
  new Option('--gateway <host:port>', 'the gateway, where managers reach it').makeOptionMandatory();
const jsonOption = () => new Option('--json', 'one JSON document instead of text');

/** Who is asking, for the log of the gateway. */
const asker = (): string => userInfo().username;

interface BundleArguments extends GatewayArguments {
  readonly os: 'linux';
  readonly output: string;
  readonly name?: SentinelId;
  readonly guests?: string;
  readonly standalone?: true;
  readonly node: string;
  readonly valid: Millis;
}

function addBundle(sentinel: Command, { terminal, agent }: CommandTools): void {
  sentinel
    .command('bundle')
    .description('make a bundle: one file that installs a sentinel in one guest, and enrols it once')
    .addOption(gatewayOption())
    .addOption(certificatesOption())
    .requiredOption('-o, --output <file>', 'the file to make')
    .addOption(new Option('--os <os>', 'what the guest runs').choices(['linux']).default('linux'))
    .option('--name <id>', 'what the sentinel is called; otherwise it gets a name', nameOf)
    .option('--guests <host:port>', 'where the guest reaches the gateway, if not where it says')
    .option('--standalone', 'with a Node in it, for guests that have none')
    .option('--node <file>', 'the Node of a standalone bundle', process.execPath)
    .option('--valid <time>', 'how long it may be used: 24h, 30m, 7d', durationOf, hours(24))
    .addOption(jsonOption())
    .action(async (options: BundleArguments) => {
      const { describeBundleError, guestsAddress, makeBundle, wouldOverwrite } =
        await import('#replicator/sentinel/bundle/make-bundle');
      // Before a token is made, of which nobody would know.
      const taken = await wouldOverwrite(options);
      if (taken) throw new Refused(describeBundleError(taken));
      const { os, standalone = false, valid, name } = options;
      const desk = await deskOf(options);
      const invited = await desk.invite({ os, standalone, valid, by: asker(), ...(name && { sentinel: name }) });
      if (!invited.ok) throw new Refused(invited.error, exitStatus.unavailable);
      const secrets = invited.value;
      const gateway = options.guests ?? guestsAddress(secrets.guests, options.gateway);
      const made = await makeBundle({
        ...{ secrets, gateway, agent: agent.path, output: options.output },
        ...(standalone && { node: options.node }),
      });
      if (!made.ok) throw new Refused(describeBundleError(made.error));
      const { sentinel: id, tokenValidUntil } = secrets;
      const summary = {
        sentinel: id,
        gateway,
        output: options.output,
        validUntil: new Date(tokenValidUntil).toISOString(),
      };
      if (options.json) return terminal.print(JSON.stringify(summary));
      terminal.print(`${options.output} enrols sentinel ${id} at ${gateway}, once, until ${summary.validUntil}`);
      terminal.note('in the guest, as root: tar xzf the file && sh sealift-sentinel/install.sh');
    });
}

function addList(sentinel: Command, { terminal }: CommandTools): void {
  sentinel
    .command('list')
    .description('the sentinels of a gateway, and how they fare')
    .addOption(gatewayOption())
    .addOption(certificatesOption())
    .addOption(jsonOption())
    .action(async (options: GatewayArguments) => {
      const listed = await (await deskOf(options)).list();
      if (!listed.ok) throw new Refused(listed.error, exitStatus.unavailable);
      if (options.json) return terminal.print(JSON.stringify(listed.value));
      for (const each of listed.value) terminal.print(lineOf(each));
    });
}

function lineOf({ id, state, hostname, version, heartbeat, refusals }: SentinelSummary): string {
  const words = [id, state, hostname ?? '-', version ?? '-'];
  if (heartbeat) {
    const { stage, lag, backlog, load, own } = heartbeat;
    words.push(stage, `load ${load.toFixed(2)}`, `${formatBytes(own.memory)} resident`);
    if (backlog !== undefined) words.push(`backlog ${formatBytes(backlog)}`);
    if (lag !== undefined) words.push(`lag ${formatDuration(lag)}`);
  }
  if (refusals > 0) words.push(`${refusals} refused`);
  // Hostname and version are what a guest says.
  return words.map(plainLine).join('  ');
}

interface ChangeArguments extends GatewayArguments {
  readonly reason?: string;
}

function addChanges(sentinel: Command, { terminal }: CommandTools): void {
  const changes = [
    { name: 'revoke', type: 'RevokeSentinel', what: 'cut a sentinel off and never let it in again' },
    {
      name: 'upgrade',
      type: 'UpgradeSentinel',
      what: 'replace it with the agent of the gateway; not during a switchover',
    },
    { name: 'uninstall', type: 'UninstallSentinel', what: 'take it off its guest, without a trace' },
  ] as const;
  for (const { name, type, what } of changes) {
    const command = sentinel
      .command(name)
      .description(what)
      .argument('<sentinel>', 'which one', nameOf)
      .addOption(gatewayOption())
      .addOption(certificatesOption())
      .addOption(jsonOption());
    if (type === 'RevokeSentinel') command.option('--reason <text>', 'why, for the log', 'asked by an operator');
    command.action(async (id: SentinelId, { reason = '', ...options }: ChangeArguments) => {
      const wish = { sentinel: id, by: asker() };
      const desk = await deskOf(options);
      const changed = await desk.change(type === 'RevokeSentinel' ? { type, reason, ...wish } : { type, ...wish });
      if (!changed.ok) throw new Refused(changed.error, exitStatus.unavailable);
      terminal.print(options.json ? JSON.stringify({ done: changed.value }) : changed.value);
    });
  }
}

function addAccount(sentinel: Command, { terminal }: CommandTools): void {
  sentinel
    .command('account')
    .description(
      'a new password for the temporary account of a target that is validated; it is shown here and kept nowhere',
    )
    .argument('<sentinel>', 'of which guest', nameOf)
    .addOption(gatewayOption())
    .addOption(certificatesOption())
    .addOption(jsonOption())
    .action(async (id: SentinelId, options: GatewayArguments) => {
      const given = await (await deskOf(options)).account(id);
      if (!given.ok) throw new Refused(given.error, exitStatus.unavailable);
      if (!given.value)
        throw new Refused(`the guest of ${id} has no account for its validation`, exitStatus.unavailable);
      const { name, password } = given.value;
      if (options.json) return terminal.print(JSON.stringify(given.value));
      terminal.print(password === undefined ? plainLine(name) : `${plainLine(name)} ${plainLine(password)}`);
      terminal.note(
        password === undefined
          ? 'its password is the one whose hash came with the migration'
          : 'the one before is of no use any more; finalizing the migration takes the account away',
      );
    });
}

interface RunArguments {
  readonly config: string;
  readonly status?: string;
}

function addRun(sentinel: Command, { terminal, interrupts, setStatus, agent }: CommandTools): void {
  sentinel
    .command('run')
    .description('in a guest: run the agent that a bundle installs')
    .option('--config <folder>', 'where the files of its bundle are', '/etc/sealift-sentinel')
    .option('--status <file>', 'where it tells how it fares')
    .action(async ({ config, status }: RunArguments) => {
      const { runSentinel } = await import('#replicator/sentinel/agent/run-sentinel');
      const { liveServices } = await import('#replicator/sentinel/agent/live-services');
      const { liveGuestSystem } = await import('#replicator/sentinel/folder-guest-system');
      const { enterStage, stopped } = await import('#replicator/sentinel/agent/enter-stage');
      const { version } = agent;
      const [system, signal] = [liveGuestSystem(), interrupts()];
      const log = (line: string): void => terminal.note(line);
      const entrance = await enterStage(system, wallClock, log);
      if (!entrance.ok) throw new Refused(entrance.error, exitStatus.unavailable);
      if (entrance.value.stage === 'test') return stopped(signal);
      const end = await runSentinel({
        ...{ config, version, clock: wallClock, signal, log },
        ...(status !== undefined && { status }),
        place: { program: undefined, script: undefined },
        services: () => liveServices({ system, clock: wallClock, version, entrance: entrance.value }),
      });
      if (typeof end === 'object') throw new Refused(end.error, exitStatus.unavailable);
      setStatus(exitStatus.done);
    });
}

function addStatus(sentinel: Command, { terminal, setStatus }: CommandTools): void {
  sentinel
    .command('status')
    .description('in a guest: what the agent says of itself')
    .option('--status <file>', 'where it tells how it fares')
    .action(async ({ status }: { readonly status?: string }) => {
      const { sentinelStatus } = await import('#replicator/sentinel/agent/run-sentinel');
      const told = await sentinelStatus(status);
      if (told === undefined) throw new Refused('no sentinel runs here', exitStatus.unavailable);
      terminal.print(told);
      setStatus(exitStatus.done);
    });
}

async function deskOf({ gateway, certificates }: GatewayArguments) {
  const { sentinelDesk } = await import('#replicator/gateway/guests-of-gateway');
  return sentinelDesk({ address: gateway, certificates });
}

function nameOf(text: string): SentinelId {
  try {
    return sentinelId(text);
  } catch (cause) {
    throw new InvalidArgumentError(cause instanceof Error ? cause.message : 'It is no name.');
  }
}

const units = { m: 1 / 60, h: 1, d: 24 } as const;

function durationOf(text: string): Millis {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new InvalidArgumentError('Write 24h, 30m or 7d.');
  return hours(Number(count) * units[unit as keyof typeof units]);
}
