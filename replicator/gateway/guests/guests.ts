import type { Clock } from '#core/clock';
import type { EventLog } from '#core/event-log/event-log';
import { sentinelId, type SentinelId } from '#core/ids';
import type { GuestAgent, GuestAgentError, Unconfirmed } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { describeSentinelRejection } from '#core/sentinel/commands';
import { mayBeUninstalled, sentinelStateName } from '#core/sentinel/decide';
import type { SentinelState } from '#core/sentinel/evolve';
import { after, minutes, seconds, type Millis } from '#core/units';
import { describeCertificatesError, readSentinelAuthority } from '#replicator/certificates/make-certificates';
import type { Credentials } from '#replicator/protocol/credentials';
import type { BundleSecrets, SentinelSummary } from '#replicator/protocol/guest-message';
import type { GuestEntry } from '#replicator/protocol/guest-network';
import type { ListenError } from '#replicator/protocol/network';
import { readAnswer, type AskGuest } from '#replicator/sentinel/control/calls';
import type { Silence } from '#replicator/sentinel/data-connection/data-stream';
import { guestAgentOver } from '#replicator/sentinel/control/guest-agent-over';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import { certificateAuthority } from './certificate-authority.ts';
import { dataLinks, type DataLinks } from './data-links.ts';
import type { GuestAuthority } from './guest-authority.ts';
import type { GuestSession } from './guest-session.ts';
import { openGuestsPort } from './guests-port.ts';
import { registryOf, sentinelLogIn, strangerId, type Registry, type RegistryError } from './registry.ts';
import { rhythmDefault, type Rhythm } from './rhythm.ts';
import { sessionBook, type SessionBook } from './session-book.ts';
import { tlsGuestEntry } from './tls-guest-entry.ts';

/** Where a gateway has its sentinels from: how they come in, who signs for them, and where they are noted. */
export interface GuestsSite {
  readonly entry: GuestEntry;
  readonly authority: GuestAuthority;
  /** The log of sentinels, which the gateway closes. The error is a sentence. */
  openLog(): Promise<Result<EventLog, string>>;
  /** What the log is called where something is wrong with it. */
  readonly logName: string;
  /** How often both sides are heard, if not as always. */
  readonly rhythm?: Rhythm;
  readonly silence?: Silence;
}

/** How the guests' side of a gateway is set up. */
export interface GuestsTerms {
  /** `host:port` to listen at for guests; port 0 takes a free one. */
  readonly listen: string;
  readonly clock: Clock;
  readonly rhythm?: Rhythm;
  /** How long a certificate of a sentinel is valid; it is renewed when a third of that is left. */
  readonly certificateLife?: Millis;
  /** How long a sentinel that is not connected is waited for when it is asked something. */
  readonly patience?: Millis;
  readonly log: (line: string) => void;
}

/** A gateway of this machine: TLS with its certificates, and the log of sentinels in its folder. */
export interface GuestsOptions extends GuestsTerms {
  readonly credentials: Credentials;
  /** Where `sealift certs` put `sentinel-ca-cert.pem` and `sentinel-ca-key.pem`. */
  readonly certificates: string;
  /** The gateway's own folder. The log of sentinels is kept in it. */
  readonly state: string;
}

/** Why sentinels cannot come. */
export type GuestsError = ListenError | { readonly type: 'GuestsUnavailable'; readonly detail: string };

/** The sentinels of a gateway. */
export interface Guests {
  /** Where the guests' port listens, with the port it got. */
  readonly address: string;
  list(): readonly SentinelSummary[];
  /** Invites a guest. Without a name it gets one. */
  invite(wish: {
    readonly name?: SentinelId;
    readonly os: 'linux';
    readonly standalone: boolean;
    readonly valid: Millis;
    readonly by: string;
  }): Promise<Result<BundleSecrets, string>>;
  revoke(id: SentinelId, reason: string, by: string): Promise<Result<void, string>>;
  /** Asks a sentinel; waits for one that is not connected as long as patience lasts. */
  ask(id: SentinelId): AskGuest;
  /** Opens a disk of a sentinel, over its data connection. */
  readonly openDisk: DataLinks['openDisk'];
  /** Notes that it was replaced by another version. */
  noteUpgrade(id: SentinelId, to: string, by: string): Promise<void>;
  close(): Promise<void>;
}

/** Thirty days: far longer than a migration, short enough that a lost disk is not a key for ever. */
const certificateLifeDefault = minutes(30 * 24 * 60);
const patienceDefault = seconds(60);

/** Opens the guests' port of a gateway of this machine, and the registry behind it. */
export async function openGuests(options: GuestsOptions): Promise<Result<Guests, GuestsError>> {
  const site = await siteOf(options);
  return site.ok ? openGuestsAt(site.value, options) : site;
}

const unavailable = (detail: string): Result<never, GuestsError> => err({ type: 'GuestsUnavailable', detail });

async function siteOf({
  credentials,
  certificates,
  state,
}: Pick<GuestsOptions, 'credentials' | 'certificates' | 'state'>): Promise<Result<GuestsSite, GuestsError>> {
  const authority = await readSentinelAuthority(certificates);
  if (!authority.ok) return unavailable(describeCertificatesError(authority.error));
  if (!authority.value)
    return unavailable(`there is no sentinel-ca-cert.pem in ${certificates}; make it with: sealift certs`);
  return ok({
    entry: tlsGuestEntry(credentials, authority.value),
    authority: certificateAuthority(credentials, authority.value),
    ...sentinelLogIn(state),
  });
}

/** Opens the guests' port at a site, and the registry behind it. */
export async function openGuestsAt(
  { entry, authority, openLog, logName, rhythm = rhythmDefault, silence }: GuestsSite,
  terms: GuestsTerms,
): Promise<Result<Guests, GuestsError>> {
  const sessions = sessionBook();
  const { clock, patience = patienceDefault } = terms;
  const links = dataLinks({ clock, patience, silence });
  const log = await openLog();
  if (!log.ok) return unavailable(log.error);
  const registry = await registryOf(log.value, {
    ...{ clock, logName, newFactId: authority.newFactId },
    onEffect: (id, effect) => {
      sessions.perform(id, effect);
      if (effect.type === 'disconnectAll') links.cutOff(id);
    },
  });
  if (!registry.ok) return unavailable(registry.error);
  const port = await openGuestsPort({
    ...{ listen: terms.listen, entry, clock, log: terms.log },
    rhythm: terms.rhythm ?? rhythm,
    door: {
      ...{ registry: registry.value, authority, clock },
      certificateLife: terms.certificateLife ?? certificateLifeDefault,
    },
    onControl: sessions.add,
    onData: (sentinel, _greeting, stream) => {
      // Revoked while it was at the door: what ends its connections has been before this one.
      const isAdmitted = registry.value.state(sentinel).snapshot.hasTag('admitted');
      if (isAdmitted) links.add(sentinel, stream);
      else stream.destroy();
    },
  });
  if (!port.ok) {
    await registry.value.close();
    return port;
  }
  return ok(guestsOver(terms, registry.value, { sessions, links, authority }, port.value));
}

interface GuestsParts {
  readonly sessions: SessionBook;
  readonly links: DataLinks;
  readonly authority: GuestAuthority;
}

function guestsOver(
  { clock, patience = patienceDefault }: GuestsTerms,
  registry: Registry,
  { sessions, links, authority }: GuestsParts,
  port: { readonly address: string; close(): Promise<void> },
): Guests {
  return {
    address: port.address,
    list: () => [...registry.all()].map(([id, state]) => summaryOf(id, state, sessions.current(id))),
    invite: async ({ name, os, standalone, valid, by }) => {
      const sentinel = name ?? sentinelId(authority.newName());
      if (sentinel === strangerId) return err('this name is kept for those who have none');
      const token = authority.newToken();
      const tokenValidUntil = after(clock.now(), valid);
      const tokenHash = fingerprintOf(token);
      const made = await registry.command(
        sentinel,
        { type: 'MakeBundle', data: { os, standalone, tokenHash, tokenValidUntil, by } },
        `operator:${by}`,
      );
      if (!made.ok) return err(describeRegistryError(made.error));
      const { ca, pins } = authority;
      return ok({ sentinel, token, tokenValidUntil, ca, pins: [...pins], guests: port.address });
    },
    revoke: async (id, reason, by) => {
      const command = { type: 'RevokeSentinel', data: { reason, by } } as const;
      const revoked = await registry.command(id, command, `operator:${by}`);
      return revoked.ok ? ok(undefined) : err(describeRegistryError(revoked.error));
    },
    ask: (id) => async (call, asks) => {
      // One that was never invited, or may not come any more, is not waited for.
      const { snapshot } = registry.state(id);
      // Whoever died before hearing of it asks again, and there is nobody left in the guest to answer.
      if (call === 'uninstall' && snapshot.matches('uninstalled')) return readAnswer(call, null);
      const mayCome = snapshot.hasTag('admitted') || snapshot.matches('awaited');
      const session = mayCome ? await sessions.wait(id, patience, clock) : undefined;
      if (session && call === 'uninstall') return uninstall(registry, id, () => session.ask(call, asks));
      if (session) return session.ask(call, asks);
      if (call === 'uninstall' && mayBeUninstalled(registry.state(id)))
        return readAnswer(call, await unconfirmedUninstall(registry, id));
      const detail = `sentinel ${id} is not connected to this gateway (${sentinelStateName(registry.state(id))})`;
      return err({ type: 'Unreachable', operation: call, detail });
    },
    openDisk: links.openDisk,
    noteUpgrade: async (id, to, by) => {
      const from = registry.state(id).snapshot.context.version ?? 'unknown';
      await registry.command(id, { type: 'NoteUpgrade', data: { from, to, by } }, `operator:${by}`);
    },
    close: async () => {
      links.cutOffAll();
      await sessions.endAll();
      await port.close();
      await registry.close();
    },
  };
}

/** Asks a sentinel to take itself off, and notes that it is about to be asked and what it answers. */
async function uninstall<T>(
  registry: Registry,
  id: SentinelId,
  ask: () => Promise<Result<T, GuestAgentError>>,
): Promise<Result<T, GuestAgentError>> {
  const by = 'a manager';
  const noted = await registry.command(id, { type: 'RequestUninstall', data: { by } }, 'gateway');
  if (!noted.ok) return err({ type: 'Refused', operation: 'uninstall', detail: describeRegistryError(noted.error) });
  const answer = await ask();
  // Asked again, the certificate would be refused: the guest has nobody any more who could answer.
  if (answer.ok) await registry.command(id, { type: 'NoteUninstall', data: { by } }, 'gateway');
  // What is not known to have been refused may have been done: the answer was lost.
  else if (answer.error.type === 'Refused')
    await registry.command(id, { type: 'NoteUninstallRefused', data: { why: answer.error.detail } }, 'gateway');
  return answer;
}

/** It was asked to take itself off, did not answer, and has not come again for as long as it was waited for. */
async function unconfirmedUninstall(registry: Registry, id: SentinelId): Promise<Unconfirmed> {
  const why =
    `sentinel ${id} was asked to uninstall itself, did not answer and has not come again: whether it is off its guest is not known; ` +
    `look into the guest, run install.sh uninstall there if it has a service sealift-sentinel, and revoke ${id}`;
  // Noted already, if it is asked for once more.
  await registry.command(id, { type: 'NoteUninstallUnconfirmed', data: { why } }, 'gateway');
  return { unconfirmed: why };
}

/** The port for a driver in this process. */
export const guestAgentOf = (guests: Guests, id: SentinelId): GuestAgent =>
  guestAgentOver(id, guests.ask(id), async () => undefined);

function summaryOf(id: SentinelId, state: SentinelState, session: GuestSession | undefined): SentinelSummary {
  const { hostname, version, refusals, identities } = state.snapshot.context;
  const until = identities.at(-1)?.validUntil;
  return {
    id,
    state: sentinelStateName(state),
    ...(hostname !== null && { hostname }),
    ...(version !== null && { version }),
    refusals,
    ...(until !== undefined && { certificateUntil: until }),
    ...(session?.heartbeat && { heartbeat: session.heartbeat }),
  };
}

function describeRegistryError(error: RegistryError): string {
  if (error.type === 'LogFailed') return `the log of the gateway did not take it: ${error.detail}`;
  return describeSentinelRejection(error);
}
