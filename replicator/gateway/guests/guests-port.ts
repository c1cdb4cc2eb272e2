import type { Clock } from '#core/clock';
import type { SentinelId } from '#core/ids';
import { ok, type Result } from '#core/result';
import type { GuestEntry, GuestStream, VisitorConnection } from '#replicator/protocol/guest-network';
import type { ListenError } from '#replicator/protocol/network';
import type { Service } from '#replicator/protocol/serve';
import { connectMax } from '#replicator/protocol/tls-options';
import { lineOver, type Line } from '#replicator/sentinel/control/line';
import {
  agreedVersion,
  controlVersions,
  readSentinelWord,
  type GatewayWord,
  type SentinelWord,
} from '#replicator/sentinel/control/words';
import {
  enrol,
  identityOf,
  refusalIn,
  rotate,
  type AdmittedIdentity,
  type Door,
  type Refusal,
  type Visitor,
} from './admission.ts';
import { guestSession, type Greeting, type GuestSession } from './guest-session.ts';
import type { Rhythm } from './rhythm.ts';

/** What becomes of those who were let in. */
export interface GuestsPortOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly entry: GuestEntry;
  readonly clock: Clock;
  readonly door: Door;
  readonly rhythm: Rhythm;
  readonly onControl: (session: GuestSession) => void;
  /** Takes the stream over. */
  readonly onData: (sentinel: SentinelId, greeting: Greeting, stream: GuestStream) => void;
  readonly log: (line: string) => void;
}

type GuestLine = Line<SentinelWord, GatewayWord>;

// Two for each of 500 guests, and some that are on their way out.
const connectionsMax = 1_100;

/** Listens for sentinels. Who has no certificate of ours can do one thing: show a token. */
export async function openGuestsPort(options: GuestsPortOptions): Promise<Result<Service, ListenError>> {
  const { entry, listen, log } = options;
  const visits = new Set<Promise<void>>();
  const listener = await entry.listen({
    listen,
    connectionsMax,
    onConnection: (connection) => {
      const visit = receive(options, connection);
      visits.add(visit);
      void visit.finally(() => visits.delete(visit));
    },
    onRefused: (from, detail) => log(`refused ${from} at the guests' port: ${detail}`),
  });
  if (!listener.ok) return listener;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const closed = listener.value.close();
    await Promise.allSettled(visits);
    await closed;
  };
  return ok({ address: listener.value.address, close: () => (closing ??= close()) });
}

async function receive(options: GuestsPortOptions, visitor: VisitorConnection): Promise<void> {
  const line: GuestLine = lineOver(visitor.stream, readSentinelWord, connectMax, options.clock);
  const word = await firstWord(line);
  if (!word) return line.close();
  const identity = await identityOf(options.door, visitor);
  if (identity && !identity.ok) return refuse(options, line, visitor, identity.error);
  if (word.type === 'Enrol') return receiveToken(options, line, visitor, word);
  if (word.type !== 'Hello') return line.refuse('it does not greet');
  if (!identity) {
    await options.door.registry.refuseStranger({ what: 'identity', why: 'foreign', from: visitor.from });
    return refuse(options, line, visitor, { type: 'NotAdmitted', what: 'identity', why: 'foreign' });
  }
  await receiveSentinel(options, line, visitor, identity.value, word);
}

/** Undefined when nothing came in time. */
function firstWord(line: GuestLine): Promise<SentinelWord | undefined> {
  return new Promise((resolve) => {
    line.listen({
      onSaid: (word) => {
        line.listen(undefined);
        resolve(word);
      },
      onEnd: () => resolve(undefined),
    });
  });
}

async function receiveToken(
  { door, log }: GuestsPortOptions,
  line: GuestLine,
  visitor: Visitor,
  word: Extract<SentinelWord, { type: 'Enrol' }>,
): Promise<void> {
  if (agreedVersion(word.protocol) === undefined) return line.refuse(versionDetail(word.protocol));
  const enrolled = await enrol(door, visitor, word);
  if (!enrolled.ok) return refuse({ log }, line, visitor, enrolled.error);
  log(`enrolled sentinel ${enrolled.value.sentinel} (${visitor.from})`);
  line.say({ type: 'Enrolled', ...enrolled.value });
  await line.close();
}

async function receiveSentinel(
  { door, rhythm, onControl, onData, log }: GuestsPortOptions,
  line: GuestLine,
  visitor: Visitor,
  { sentinel, certificate }: AdmittedIdentity,
  greeting: Greeting,
): Promise<void> {
  const protocol = agreedVersion(greeting.protocol);
  if (protocol === undefined) return line.refuse(versionDetail(greeting.protocol));
  if (greeting.sentinel !== sentinel) return line.refuse('it says another name than its certificate');
  const admitted: GatewayWord = { type: 'Admitted', protocol, ...rhythm };
  if (greeting.connection === 'data') {
    line.say(admitted);
    return onData(sentinel, greeting, line.handOver());
  }
  const { version, bootId } = greeting;
  const at = door.clock.now();
  const shown = { certificate, version, bootId, from: visitor.from, at };
  const decided = await door.registry.command(sentinel, { type: 'AdmitSentinel', data: shown }, `sentinel ${sentinel}`);
  if (!decided.ok) return line.refuse(`the gateway cannot note it: ${decided.error.type}`);
  const why = refusalIn(decided.value);
  if (why) return refuse({ log }, line, visitor, { type: 'NotAdmitted', what: 'identity', why });
  const connected = decided.value.find((fact) => fact.type === 'SentinelConnected');
  const connection = connected?.type === 'SentinelConnected' ? connected.data.connection : 0;
  line.say(admitted);
  line.expectWithin(rhythm.silence);
  const session = guestSession(line, { sentinel, connection, greeting }, (word) =>
    rotate(door, visitor, sentinel, word),
  );
  log(`sentinel ${sentinel} (${visitor.from}) is connected, version ${version}`);
  onControl(session);
  const reason = await session.ended;
  log(`sentinel ${sentinel} (${visitor.from}) is gone: ${reason}`);
  // Refused where a newer connection has taken its place: then nothing was lost.
  await door.registry.command(sentinel, { type: 'NoteLoss', data: { connection, why: reason } }, 'gateway');
}

const versionDetail = (offered: { readonly min: number; readonly max: number }): string =>
  `it speaks versions ${offered.min} to ${offered.max} and this gateway ${controlVersions.min} to ${controlVersions.max}`;

const details: Readonly<Record<Refusal['why'], string>> = {
  foreign: 'the certificate was not issued by this gateway',
  unknown: 'nothing is known of it here',
  unproven: 'the key was not proven',
  expired: 'its time is over; install a new bundle',
  revoked: 'it was revoked; install a new bundle',
  replayed: 'it was used already; make a new bundle',
  superseded: 'a newer certificate is in use',
  uninstalled: 'this sentinel was uninstalled',
};

function refuse(
  { log }: Pick<GuestsPortOptions, 'log'>,
  line: GuestLine,
  { from }: Visitor,
  { what, why }: Refusal,
): Promise<void> {
  log(`refused ${from}: ${what} ${why}`);
  line.say({ type: 'Refused', why, detail: `${what}: ${details[why]}`, final: true });
  return line.close();
}
