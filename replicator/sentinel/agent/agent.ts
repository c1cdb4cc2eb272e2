import type { Clock } from '#core/clock';
import { millis, seconds, type Instant, type Millis } from '#core/units';
import type { GuestNetwork } from '#replicator/protocol/guest-network';
import { tlsGuestNetwork } from '#replicator/protocol/tls-guest-network';
import type { Heartbeat, SentinelWord } from '#replicator/sentinel/control/words';
import { describeGatewayError, type GatewayError } from '#replicator/sentinel/identity/connect-gateway';
import {
  openGuestIdentity,
  type GuestIdentity,
  type HeldIdentity,
  type IdentityError,
} from '#replicator/sentinel/identity/guest-identity';
import type { Identities } from '#replicator/sentinel/identity/identities';
import type { IdentityFiles } from '#replicator/sentinel/identity/identity-files';
import type { AgentMachine } from './agent-machine.ts';
import { serveControl, type SessionGround } from './control-session.ts';
import { rateKeeper } from './give-way.ts';
import { enrolAt, greetGateway, type AdmittedLine, type GatewayWay, type Introduction } from './greet.ts';
import type { GuestServices } from './guest-services.ts';
import type { Installation } from './installation.ts';

/** How an agent is set up. */
export interface AgentOptions {
  /** Where its bundle put its files. */
  readonly directory: string;
  readonly services: GuestServices;
  readonly installation: Installation;
  readonly version: string;
  /** Made anew by each boot of the guest. */
  readonly bootId: string;
  readonly machine: AgentMachine;
  readonly clock: Clock;
  /** Takes one line. No secrets. */
  readonly log: (line: string) => void;
  /** Told whenever it changes. */
  readonly onStatus?: (status: AgentStatus) => void;
  readonly pauses?: AgentPauses;
  /** How often it looks whether others in the guest wait. */
  readonly lookEvery?: Millis;
  /** How the gateway is reached: over TLS unless told otherwise. */
  readonly network?: GuestNetwork;
  /** Keys and certificates: real ones unless told otherwise. */
  readonly identities?: Identities;
  /** Where its bundle and its keys are: in `directory` of this machine unless told otherwise. */
  readonly identityFiles?: IdentityFiles;
}

/** How long it waits before it tries again. */
export interface AgentPauses {
  readonly first: Millis;
  readonly longest: Millis;
  /** After the gateway said that it will not have us: only a person can change that. */
  readonly refused: Millis;
}

const pausesDefault: AgentPauses = { first: seconds(1), longest: seconds(30), refused: seconds(60) };

/** What an agent is doing, for a person at the guest. */
export interface AgentStatus {
  readonly state: 'enrolling' | 'connecting' | 'connected' | 'refused' | 'stopped';
  /** Why it is not connected, in a sentence. */
  readonly detail: string | undefined;
  readonly since: Instant;
}

/** An agent that runs. */
export interface RunningAgent {
  readonly status: AgentStatus;
  /** Says goodbye and lets go. Marks are lost with it. Idempotent. */
  stop(goodbye?: string): Promise<void>;
}

/** Runs an agent until it is stopped. Errors of the network never end it; files that are not a bundle's do. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent | IdentityError> {
  const { directory, identities, identityFiles: files } = options;
  const identity = await openGuestIdentity(directory, { ...(identities && { identities }), ...(files && { files }) });
  if (!identity.ok) return identity.error;
  return new Agent(options, identity.value);
}

class Agent implements RunningAgent {
  readonly #options: AgentOptions;
  readonly #identity: GuestIdentity;
  readonly #pauses: AgentPauses;
  readonly #stopping = new AbortController();
  readonly #run: string;
  readonly #way: GatewayWay;
  readonly #ground: SessionGround;
  readonly #work: Promise<unknown>;
  #held: HeldIdentity | undefined;
  /** Asked for on this connection. Another one for the same key would make it void, whichever of them is kept. */
  #isRenewing = false;
  #keeping: Promise<void> = Promise.resolve();
  /** Resolved while the control connection is there. */
  #admitted = gate();
  status: AgentStatus;

  constructor(options: AgentOptions, identity: GuestIdentity) {
    const { services, installation, clock, machine } = options;
    this.#options = options;
    this.#run = machine.newRun();
    this.#identity = identity;
    this.#way = { network: options.network ?? tlsGuestNetwork(clock), clock };
    this.#pauses = options.pauses ?? pausesDefault;
    this.status = { state: 'connecting', detail: undefined, since: clock.now() };
    const rate = rateKeeper((next) => services.pace(next));
    const turns = { last: Promise.resolve() };
    const measure = (): Promise<Heartbeat> => heartbeatOf(services, machine, clock);
    const { log } = options;
    this.#ground = { services, installation, rate, clock, measure, turns, log, goodbye: 'it was stopped' };
    this.#work = Promise.all([this.#control(), this.#data(), this.#giveWay()]);
  }

  async stop(goodbye?: string): Promise<void> {
    if (goodbye !== undefined) this.#ground.goodbye = goodbye;
    this.#stopping.abort();
    this.#admitted.open();
    await this.#work;
    await this.#options.services.close();
    this.#say('stopped', undefined);
  }

  async #control(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, log } = this.#options;
    for (let pause = this.#pauses.first; !signal.aborted;) {
      const failed = (await this.#enrolled()) ?? (await this.#session(() => (pause = this.#pauses.first)));
      if (signal.aborted) return;
      const isFinal = failed.type === 'IdentityUnusable' || (failed.type === 'Refused' && failed.final);
      const detail = describeFailure(failed);
      log(detail);
      this.#say(isFinal ? 'refused' : 'connecting', detail);
      await clock.wait(isFinal ? this.#pauses.refused : pause, signal);
      pause = millis(Math.min(this.#pauses.longest, pause * 2));
    }
  }

  /** Undefined once there is a certificate. */
  async #enrolled(): Promise<GatewayError | IdentityError | undefined> {
    if (this.#held) return undefined;
    const found = await this.#identity.held();
    if (!found.ok) return found.error;
    this.#held = found.value;
    if (this.#held) return undefined;
    this.#say('enrolling', undefined);
    const about = { hostname: this.#options.machine.hostname(), version: this.#options.version };
    const enrolled = await enrolAt(this.#identity, about, this.#stopping.signal, this.#way);
    if (!enrolled.ok) return enrolled.error;
    this.#held = enrolled.value;
    this.#options.log(`enrolled as sentinel ${this.#identity.config.sentinel}`);
    return undefined;
  }

  async #session(onAdmitted: () => void): Promise<GatewayError> {
    const { signal } = this.#stopping;
    const greeted = await this.#greet('control');
    if (!greeted.ok) return greeted.error;
    onAdmitted();
    this.#admitted.open();
    this.#say('connected', undefined);
    this.#options.log(`connected to the gateway at ${this.#identity.config.gateway}`);
    const { line, terms } = greeted.value;
    const hooks = {
      beforeHeartbeat: (say: (word: SentinelWord) => void) => this.#rotateWhenDue(greeted.value, say),
      onRotated: (certificate: string) => (this.#keeping = this.#keeping.then(() => this.#rotated(certificate))),
    };
    this.#isRenewing = false;
    const end = await serveControl(line, this.#ground, terms, hooks, signal);
    this.#admitted = gate();
    await this.#keeping;
    return { type: 'Unreachable', detail: end.type === 'Closed' ? 'the gateway closed the connection' : end.detail };
  }

  #greet(connection: Introduction['connection']) {
    const { services, version, bootId } = this.#options;
    const { stage } = services;
    const introduction = { connection, version, bootId, run: this.#run, stage, can: [...services.can] };
    if (!this.#held) throw new Error('nobody greets before it is enrolled');
    return greetGateway(this.#identity, this.#held, introduction, this.#stopping.signal, this.#way);
  }

  /** One data connection, for as long as there is a control connection. */
  async #data(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, services } = this.#options;
    for (let pause = this.#pauses.first; !signal.aborted;) {
      await this.#admitted.opened;
      if (signal.aborted) return;
      const greeted = await this.#greet('data');
      if (greeted.ok) {
        pause = this.#pauses.first;
        const socket = greeted.value.line.handOver();
        // Nobody else hears of errors now, and one that nobody hears of would end the process.
        socket.on('error', () => undefined);
        const stop = (): void => void socket.destroy();
        signal.addEventListener('abort', stop);
        // Stopped, or lost, on the way here.
        if (!signal.aborted && !socket.destroyed) {
          const served = services.serveDisks(socket);
          // It was held while nobody listened.
          socket.resume();
          await served;
        }
        signal.removeEventListener('abort', stop);
        socket.destroy();
      }
      await clock.wait(pause, signal);
      pause = millis(Math.min(this.#pauses.longest, pause * 2));
    }
  }

  async #giveWay(): Promise<void> {
    const { clock, machine, lookEvery = lookEveryDefault } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#ground.rate.look(await machine.pressure());
      await clock.wait(lookEvery, signal);
    }
  }

  async #rotateWhenDue({ rotation }: AdmittedLine, say: (word: SentinelWord) => void): Promise<void> {
    const { clock, services, log } = this.#options;
    // File systems are read-only then, and there are more urgent things.
    if (!this.#held || this.#isRenewing || services.stage === 'quiesced') return;
    const certificate = this.#identity.identities.readCertificate(this.#held.certificate);
    if (!certificate || certificate.untilMs - clock.now() > (certificate.untilMs - certificate.fromMs) / 3) return;
    const request = await rotation();
    this.#isRenewing = request.ok;
    if (request.ok) say(request.value);
    else log(describeFailure(request.error));
  }

  async #rotated(certificate: string): Promise<void> {
    const kept = await this.#identity.keep('rotate', certificate);
    if (kept.ok) this.#held = kept.value;
    this.#isRenewing = false;
    this.#options.log(kept.ok ? 'the certificate was renewed' : describeFailure(kept.error));
  }

  #say(state: AgentStatus['state'], detail: string | undefined): void {
    this.status = { state, detail, since: this.#options.clock.now() };
    this.#options.onStatus?.(this.status);
  }
}

const lookEveryDefault = seconds(5);

/** Something to wait for that may be opened once. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

async function heartbeatOf(services: GuestServices, machine: AgentMachine, clock: Clock): Promise<Heartbeat> {
  const measured = await services.measure();
  return { at: clock.now(), stage: services.stage, ...measured, ...machine.vitals() };
}

/** One sentence for a person. */
export function describeFailure(failed: GatewayError | IdentityError): string {
  if (failed.type === 'IdentityUnusable') return `${failed.path} cannot be used: ${failed.detail}`;
  return describeGatewayError(failed);
}
