import type { Command } from 'commander';
import { exitStatus } from '#core/text/exit-status';
import { formatBytes, formatDuration, formatRate } from '#core/text/format';
import { Refused } from '#core/text/refused';
import { progressTeller, type Terminal } from '#core/text/terminal';
import { bytesPerSecond, type Instant } from '#core/units';
import type { ReplicateError, ReplicateReport } from '#replicator/replicate';
import { wallClock } from '#replicator/wall-clock';
import { countOf } from './arguments.ts';
import { certificatesOption, type CommandTools } from './command-tools.ts';
import { addFixUpCommands } from './fix-up-command.ts';
import { addSentinelCommands } from './sentinel-commands.ts';

/** Adds the commands that move disks, run appliances, see to sentinels and fix up replicas. */
export function addReplicationCommands(program: Command, tools: CommandTools): void {
  addReplicate(program, tools);
  addCerts(program, tools);
  addGateway(program, tools);
  addReceiver(program, tools);
  addFixUpCommands(program, tools);
  addSentinelCommands(program, tools);
}

interface ReplicateArguments {
  readonly overwrite?: true;
  readonly verify?: true;
  readonly gateway?: string;
  readonly certificates: string;
  readonly limit?: number;
  readonly connections?: number;
  readonly json?: true;
}

function addReplicate(program: Command, { terminal, interrupts, setStatus }: CommandTools): void {
  program
    .command('replicate')
    .description('copy one disk with digests; interrupted, the same command goes on; repeated, it brings up to date')
    .argument('<source>', 'nbd://host/export, nbds://..., nbd+unix:///export?socket=path, or a file')
    .argument('<target>', 'a file or an NBD address; with --gateway a name at the receiver')
    .option('--overwrite', 'lose whatever is at the target, and start from nothing')
    .option('--verify', 'read both disks again afterwards and compare them')
    .option('--gateway <host:port>', 'through this gateway and its receiver, over mutual TLS')
    .addOption(certificatesOption())
    .option('--limit <MiB/s>', 'read at most so many MiB per second from the source', countOf)
    .option('--connections <count>', 'connections to an NBD server', countOf)
    .option('--json', 'one JSON document with what was done, instead of text')
    .action(async (source: string, target: string, options: ReplicateArguments) => {
      const { describeReplicateError, replicate } = await import('#replicator/replicate');
      const { createThrottle } = await import('#replicator/pipeline/throttle');
      const teller = progressTeller(terminal);
      const began = wallClock.now();
      const result = await replicate({
        source,
        target,
        signal: interrupts(),
        onProgress: rateOf(began, (progress) => teller.tell(progress)),
        ...(options.overwrite && { overwrite: true }),
        ...(options.verify && { verify: true }),
        ...(options.gateway !== undefined && {
          gateway: { address: options.gateway, certificates: options.certificates },
        }),
        ...(options.limit !== undefined && { throttle: createThrottle(bytesPerSecond(options.limit * 2 ** 20)) }),
        ...(options.connections !== undefined && { nbd: { connections: options.connections } }),
      });
      teller.end();
      if (!result.ok) throw new Refused(describeReplicateError(result.error), statusOf(result.error));
      if (options.json) terminal.print(JSON.stringify(result.value));
      else for (const line of reportLines(result.value, wallClock.now() - began)) terminal.print(line);
      setStatus(exitStatus.done);
    });
}

type Progress = Parameters<ReturnType<typeof progressTeller>['tell']>[0];

/** Adds rate and time left to what a run says of itself. What was done before it began is not its rate. */
function rateOf(began: Instant, tell: (progress: Progress) => void) {
  let first: number | undefined;
  return ({ done, total }: { readonly done: number; readonly total: number }): void => {
    first ??= done;
    const seconds = (wallClock.now() - began) / 1000;
    const rate = seconds > 0.5 ? (done - first) / seconds : null;
    tell({
      label: 'copied',
      done,
      total,
      bytesPerSecond: rate,
      etaMs: rate ? ((total - done) / rate) * 1000 : null,
    });
  };
}

function reportLines({ how, rounds, root, verified }: ReplicateReport, duration: number): readonly string[] {
  const sum = (pick: (report: (typeof rounds)[number]) => number): number =>
    rounds.reduce((total, report) => total + pick(report), 0);
  const sent = sum(({ bytesSent }) => bytesSent);
  const kept = sum(({ bytesResumed, bytesSame }) => bytesResumed + bytesSame);
  return [
    `${how}: ${formatBytes(sent)} sent in ${formatDuration(duration)} (${formatRate(duration > 0 ? (sent * 1000) / duration : 0)}), ${formatBytes(sum(({ bytesZeroed }) => bytesZeroed))} zero, ${formatBytes(kept)} there already`,
    `root ${root}${verified ? ', both disks read again and equal' : ''}`,
  ];
}

function statusOf(error: ReplicateError) {
  switch (error.type) {
    case 'Cancelled':
      return exitStatus.interrupted;
    case 'Different':
    case 'RootMismatch':
    case 'DigestMismatch':
      return exitStatus.different;
    case 'NothingNamed':
    case 'SameDisk':
    case 'TargetExists':
    case 'TargetForeign':
    case 'TargetNameRefused':
    case 'SizeMismatch':
      return exitStatus.usage;
    default:
      return exitStatus.unavailable;
  }
}

interface CertsArguments {
  readonly host?: readonly string[];
  readonly days?: number;
  readonly json?: true;
}

function addCerts(program: Command, { terminal }: CommandTools): void {
  program
    .command('certs')
    .description('make an authority and certificates for gateway, receiver and manager; what is there is kept')
    .argument('[directory]', 'where to put them', 'certificates')
    .option('--host <name...>', 'names and addresses the appliances are reached at, beside those of this machine')
    .option('--days <count>', 'how long the certificates of the appliances are valid', countOf)
    .option('--json', 'one JSON document instead of text')
    .action(async (directory: string, { host, days, json }: CertsArguments) => {
      const { describeCertificatesError, makeCertificates } =
        await import('#replicator/certificates/make-certificates');
      const made = await makeCertificates({
        directory,
        ...(host && { hosts: host }),
        ...(days !== undefined && { days }),
      });
      if (!made.ok) throw new Refused(describeCertificatesError(made.error));
      if (json) {
        terminal.print(JSON.stringify(made.value));
        return;
      }
      for (const path of made.value.made) terminal.print(`made ${path}`);
      for (const path of made.value.kept) terminal.print(`kept ${path}`);
    });
}

interface GatewayArguments {
  readonly listen: string;
  readonly receiver?: string;
  readonly directory?: string;
  readonly guests?: string;
  readonly certificates: string;
  readonly state: string;
  readonly json?: true;
}

function addGateway(program: Command, tools: CommandTools): void {
  program
    .command('gateway')
    .description(
      'run the appliance at the source site: reads disks, and streams them to its receiver or writes them itself',
    )
    .option('--receiver <host:port>', 'where its receiver is')
    .option('--directory <directory>', 'single-site: write replicas here, without a receiver')
    .option('--guests <host:port>', 'where sentinels reach it; without it none come')
    .option('--listen <host:port>', 'where managers reach it', '127.0.0.1:8471')
    .addOption(certificatesOption())
    .option('--state <directory>', 'a directory of its own', 'gateway-state')
    .option('--json', 'one JSON document per line instead of text')
    .action(async ({ json, ...options }: GatewayArguments) => {
      const { describeGatewayStartError, runGateway } = await import('#replicator/gateway/gateway');
      const log = lineWriter(tools.terminal, json);
      const started = await runGateway({ ...options, newestAgent: tools.agent, log });
      if (!started.ok) {
        const isUsage = started.error.type === 'TargetUnclear';
        throw new Refused(
          describeGatewayStartError(started.error),
          isUsage ? exitStatus.usage : exitStatus.unavailable,
        );
      }
      const guests = started.value.guests?.address;
      if (guests !== undefined)
        tools.terminal.print(
          json
            ? JSON.stringify({ type: 'listening', role: 'guests', address: guests })
            : `sentinels reach it at ${guests}`,
        );
      await serveUntilStopped('gateway', started.value, tools, json);
    });
}

interface ReceiverArguments {
  readonly listen: string;
  readonly directory: string;
  readonly certificates: string;
  readonly json?: true;
}

function addReceiver(program: Command, tools: CommandTools): void {
  program
    .command('receiver')
    .description('run the appliance at the target site: verifies, writes and journals replicas')
    .requiredOption('--directory <directory>', 'the one directory it may write in; it must exist')
    .option('--listen <host:port>', 'where gateways reach it', '127.0.0.1:8472')
    .addOption(certificatesOption())
    .option('--json', 'one JSON document per line instead of text')
    .action(async ({ json, ...options }: ReceiverArguments) => {
      const { describeStartError, runReceiver } = await import('#replicator/receiver/receiver');
      const started = await runReceiver({ ...options, log: lineWriter(tools.terminal, json) });
      if (!started.ok) throw new Refused(describeStartError(started.error), exitStatus.unavailable);
      await serveUntilStopped('receiver', started.value, tools, json);
    });
}

const lineWriter =
  (terminal: Terminal, json: true | undefined) =>
  (line: string): void =>
    json ? terminal.print(JSON.stringify({ type: 'log', at: wallClock.now(), line })) : terminal.note(line);

async function serveUntilStopped(
  role: 'gateway' | 'receiver',
  service: { readonly address: string; close(): Promise<void> },
  { terminal, interrupts, setStatus }: CommandTools,
  json: true | undefined,
): Promise<void> {
  const { address } = service;
  terminal.print(json ? JSON.stringify({ type: 'listening', role, address }) : `${role} listens at ${address}`);
  const signal = interrupts();
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await service.close();
  // An appliance is meant to run until it is told to stop: that is its good end.
  setStatus(exitStatus.done);
}
