import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#core/clock';
import { sentinelId } from '#core/ids';
import type { MigrationState } from '#core/migration/evolve';
import { err, ok, type Result } from '#core/result';
import { elapsed, minutes, seconds, type Millis } from '#core/units';
import { describeCertificatesError, makeCertificates } from '#replicator/certificates/make-certificates';
import { guestImage } from '#replicator/connectors/laboratory/guest/build';
import { describeGuestImageError } from '#replicator/connectors/laboratory/guest/guest-image';
import { describeGuestShellError, type GuestShell } from '#replicator/connectors/laboratory/guest/guest-shell';
import { startLoad } from '#replicator/connectors/laboratory/guest/load';
import { sourceVm, type SourceVm } from '#replicator/connectors/laboratory/guest/source-vm';
import { startRecorder, type Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import { applianceKernel, findKernel } from '#replicator/connectors/laboratory/kernel';
import { describeLaboratoryError } from '#replicator/connectors/laboratory/laboratory';
import { laboratoryTarget, type LaboratoryTarget } from '#replicator/connectors/laboratory/target/laboratory-target';
import { detailOf } from '#replicator/disk/durable-file';
import { describeGatewayStartError, runGateway, type Gateway } from '#replicator/gateway/gateway';
import type { Guests } from '#replicator/gateway/guests/guests';
import { mayStartSource } from '#replicator/live/launch/starting-source';
import { whileWanted } from '#replicator/live/patience';
import { freePort } from '#replicator/protocol/free-port';
import { describeBundleError, makeBundle } from '#replicator/sentinel/bundle/make-bundle';

/*
 * The whole of an OS-assisted migration on one machine:
 *
 *     Debian on virtio  --sentinel-->  gateway (single-site)  -->  replicas  -->  QEMU with vSphere's virtual hardware
 *            |  acknowledges every record
 *            v
 *        recorder
 */

/** What a guest laboratory is told. */
export interface GuestLaboratoryOptions {
  /** Everything of it is below this folder. Its path must be short: there are sockets in it. */
  readonly directory: string;
  /** The sentinel's agent as one file. */
  readonly agent: string;
  readonly recordsPerSecond: number;
  readonly clock: Clock;
  /** Where the migration stands: the source is started unless a cutover has taken it. */
  readonly state: MigrationState;
  /** The name of the VM that takes over. */
  readonly targetVm: string;
  /** The source runs on if the laboratory does not come up. */
  readonly keepsGuest: boolean;
  /** Once aborted nobody waits for the guest any more. */
  readonly signal: AbortSignal;
  /** Asked before each power-off; a sentence makes the source's hypervisor refuse it with that. */
  readonly refusesPowerOff?: () => string | undefined;
  readonly onStep?: (step: string) => void;
}

/** A laboratory whose guest writes, and whose sentinel is connected. */
export interface GuestLaboratory {
  readonly source: SourceVm;
  readonly target: LaboratoryTarget;
  readonly recorder: Recorder;
  readonly guests: Guests;
  /** The kernel for libguestfs' appliance, as variables for it; nothing where libguestfs finds one itself. */
  readonly appliance: Readonly<Record<string, string>>;
  /** Lets go: gateway and recorder end. VMs run on until `stopVms`. */
  close(): Promise<void>;
}

/** The name of the laboratory's guest at its gateway. */
export const laboratorySentinel = sentinelId('laboratory-guest');

// A guest in software emulation on a busy machine.
const bootMax = minutes(10);
const connectMax = minutes(5);
// One that runs already comes back by itself.
const returnMax = minutes(1);

/** Builds, starts and connects what is not there yet. The error is a sentence. */
export async function openGuestLaboratory(options: GuestLaboratoryOptions): Promise<Result<GuestLaboratory, string>> {
  const { directory, clock, onStep = () => undefined } = options;
  // libguestfs builds the guest and fixes it up, and says of a kernel that is missing only that something failed.
  const kernel = await findKernel();
  if (!kernel.ok) return err(describeLaboratoryError(kernel.error));
  onStep('the image of the guest, which is built once on a machine');
  const image = await guestImage({ onStep });
  if (!image.ok) return err(describeGuestImageError(image.error));
  await mkdir(directory, { recursive: true });
  const source = await sourceVm({
    ...{ directory: join(directory, 'source'), image: image.value },
    ...(options.refusesPowerOff && { refusesPowerOff: options.refusesPowerOff }),
  });
  if (!source.ok) return err(describeGuestImageError(source.error));
  const ports = await portsOf(directory);
  const recorder = await startRecorder({ path: join(directory, 'acknowledged'), port: ports.recorder });
  if (!recorder.ok) return err(`the recorder did not start: ${detailOf(recorder.error)}`);
  const gateway = await openGateway(directory, ports.guests, clock);
  if (!gateway.ok) return gateway;
  const laboratory = {
    ...laboratoryOf(directory, source.value, recorder.value, gateway.value),
    appliance: await applianceKernel(),
  };
  const up = await bringUp(options, laboratory, ports.guests);
  if (up.ok) return ok(laboratory);
  await laboratory.close();
  return up;
}

/** The source in service, or as a cutover left it. */
async function bringUp(
  options: GuestLaboratoryOptions,
  laboratory: GuestLaboratory,
  port: number,
): Promise<Result<void, string>> {
  const { clock, signal } = options;
  const { source, target, guests } = laboratory;
  const mayStart = await mayStartSource(options.state, target, options.targetVm);
  if (!mayStart.ok) return mayStart;
  if (mayStart.value) {
    const running = await startGuest(options, laboratory, port);
    if (!running.ok && !options.keepsGuest) await source.power.powerOff();
    return running;
  }
  const state = await source.power.state();
  // At rest, it is still to be asked what was written last. If it does not come, that is for the migration to find.
  if (state.ok && state.value !== 'off') await awaitSentinel(guests, { clock, within: returnMax, signal });
  return ok(undefined);
}

function laboratoryOf(
  directory: string,
  source: SourceVm,
  recorder: Recorder,
  { gateway, guests }: OpenGateway,
): Omit<GuestLaboratory, 'appliance'> {
  const target = laboratoryTarget({ directory: join(directory, 'target') });
  return {
    ...{ source, target, recorder, guests },
    close: async () => {
      await gateway.close();
      await recorder.close();
    },
  };
}

/** The ports of a laboratory, kept: the guest remembers them. */
async function portsOf(directory: string): Promise<{ readonly recorder: number; readonly guests: number }> {
  const path = join(directory, 'ports.json');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as { readonly recorder: number; readonly guests: number };
  const ports = { recorder: await freePort(), guests: await freePort() };
  await writeFile(path, JSON.stringify(ports));
  return ports;
}

interface OpenGateway {
  readonly gateway: Gateway;
  readonly guests: Guests;
}

/** A single-site gateway of the laboratory's own. Guests reach it as 10.0.2.2. */
async function openGateway(directory: string, port: number, clock: Clock): Promise<Result<OpenGateway, string>> {
  const certificates = join(directory, 'certificates');
  const made = await makeCertificates({ directory: certificates, clock });
  if (!made.ok) return err(describeCertificatesError(made.error));
  const replicas = join(directory, 'gateway-replicas');
  await mkdir(replicas, { recursive: true });
  const gateway = await runGateway({
    ...{ certificates, clock, directory: replicas, state: join(directory, 'gateway') },
    ...{ listen: '127.0.0.1:0', guests: `127.0.0.1:${port}` },
  });
  if (!gateway.ok) return err(describeGatewayStartError(gateway.error));
  const { guests } = gateway.value;
  return guests ? ok({ gateway: gateway.value, guests }) : err('the gateway has no port for guests');
}

/** Boots the source and puts it into service. Interrupted, it is answered at once; the VM is on by then, or off. */
async function startGuest(
  options: GuestLaboratoryOptions,
  laboratory: GuestLaboratory,
  port: number,
): Promise<Result<void, string>> {
  const { power } = laboratory.source;
  options.onStep?.('the guest boots');
  const connected = await power.reconnect();
  const on = connected.ok ? await power.powerOn() : connected;
  if (!on.ok) return err(`the source did not start: ${detailOf(on.error)}`);
  return whileWanted(options.signal, putIntoService(options, laboratory, port), err('nobody waits for the guest'));
}

/** Sets the load of a guest that boots going, and installs the sentinel where there is none. */
async function putIntoService(
  { agent, directory, recordsPerSecond, clock, signal, onStep = () => undefined }: GuestLaboratoryOptions,
  { source, recorder, guests }: GuestLaboratory,
  port: number,
): Promise<Result<void, string>> {
  const ready = await source.shell.ready(bootMax, signal);
  if (!ready.ok) return err(describeGuestShellError(ready.error));
  onStep('its load starts to write');
  const load = await startLoad(source.shell, { port: recorder.port, perSecond: recordsPerSecond });
  if (!load.ok)
    return err(load.error.type === 'CommandFailed' ? load.error.output : describeGuestShellError(load.error));
  if (!stateOf(guests).startsWith('enrolled')) {
    onStep('its sentinel is installed');
    const installed = await install(source.shell, guests, { agent, directory, port });
    if (!installed.ok) return installed;
  }
  return awaitSentinel(guests, { clock, within: connectMax, signal });
}

async function install(
  shell: GuestShell,
  guests: Guests,
  { agent, directory, port }: { readonly agent: string; readonly directory: string; readonly port: number },
): Promise<Result<void, string>> {
  const secrets = await guests.invite({
    ...{ name: laboratorySentinel, os: 'linux', standalone: false },
    ...{ valid: minutes(60), by: 'laboratory' },
  });
  if (!secrets.ok) return secrets;
  const output = join(directory, 'bundle.tgz');
  await rm(output, { force: true });
  const made = await makeBundle({ secrets: secrets.value, gateway: `10.0.2.2:${port}`, agent, output });
  if (!made.ok) return err(describeBundleError(made.error));
  const uploaded = await shell.upload(await readFile(output), '/root/bundle.tgz');
  if (!uploaded.ok) return err(describeGuestShellError(uploaded.error));
  await rm(output);
  const ran = await shell.run(
    'cd /root && tar xzf bundle.tgz && sh sealift-sentinel/install.sh; status=$?; rm -rf bundle.tgz sealift-sentinel; exit $status',
    minutes(5),
  );
  if (!ran.ok) return err(describeGuestShellError(ran.error));
  return ran.value.status === 0 ? ok(undefined) : err(`the sentinel was not installed: ${ran.value.output.trim()}`);
}

const stateOf = (guests: Guests): string =>
  guests.list().find(({ id }) => id === laboratorySentinel)?.state ?? 'unmade';

async function awaitSentinel(
  guests: Guests,
  { clock, within, signal }: Pick<GuestLaboratoryOptions, 'clock' | 'signal'> & { readonly within: Millis },
): Promise<Result<void, string>> {
  for (const begun = clock.now(); elapsed(begun, clock.now()) < within && !signal.aborted;) {
    if (stateOf(guests) === 'enrolled.connected') return ok(undefined);
    await clock.wait(seconds(1), signal);
  }
  return err('the sentinel in the guest did not connect to its gateway');
}
