import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { GatewayConnection, GuestNetwork } from '#replicator/protocol/guest-network';
import { tlsGuestNetwork } from '#replicator/protocol/tls-guest-network';
import { connectMax } from '#replicator/protocol/tls-options';
import { lineOver } from '#replicator/sentinel/control/line';
import {
  controlVersions,
  readGatewayWord,
  type GatewayWord,
  type SentinelWord,
} from '#replicator/sentinel/control/words';
import { connectGateway, type GatewayError } from '#replicator/sentinel/identity/connect-gateway';
import type { GuestIdentity, HeldIdentity, IdentityError } from '#replicator/sentinel/identity/guest-identity';
import type { ProofPurpose, SentinelKey } from '#replicator/sentinel/identity/identities';
import { wallClock } from '#replicator/wall-clock';
import type { GatewayLine } from './control-session.ts';

/** What a sentinel says of itself. */
export type Introduction = Pick<
  Extract<SentinelWord, { type: 'Hello' }>,
  'connection' | 'version' | 'bootId' | 'run' | 'stage' | 'can'
>;

/** A line on which the gateway has let us in. */
export interface AdmittedLine {
  readonly line: GatewayLine;
  readonly terms: Extract<GatewayWord, { type: 'Admitted' }>;
  /** Asks for a certificate for our next key, which is on disk before. */
  readonly rotation: () => Promise<Result<SentinelWord, GatewayError | IdentityError>>;
}

/** How a gateway is reached: as from this machine, unless told otherwise. */
export interface GatewayWay {
  readonly network: GuestNetwork;
  readonly clock: Clock;
}

const realWay: GatewayWay = { network: tlsGuestNetwork(wallClock), clock: wallClock };

/** Connects with our certificate and says who we are. */
export async function greetGateway(
  identity: GuestIdentity,
  held: HeldIdentity,
  introduction: Introduction,
  signal: AbortSignal,
  { network, clock }: GatewayWay = realWay,
): Promise<Result<AdmittedLine, GatewayError>> {
  const connection = await connectGateway(network, identity.config, held, signal);
  if (!connection.ok) return connection;
  const line: GatewayLine = lineOver(connection.value.stream, readGatewayWord, connectMax, clock);
  const { sentinel } = identity.config;
  line.say({ type: 'Hello', protocol: controlVersions, sentinel, ...introduction, can: [...introduction.can] });
  const word = await nextWord(line, signal);
  if (!word.ok) return word;
  if (word.value.type === 'Admitted') {
    const rotation = () => rotationRequest(identity, connection.value);
    return ok({ line, terms: word.value, rotation });
  }
  await line.close();
  return unexpected(word.value);
}

/** Shows the token and proves to have the key; comes back with what was made of it. */
export async function enrolAt(
  identity: GuestIdentity,
  about: { readonly hostname: string; readonly version: string },
  signal: AbortSignal,
  { network, clock }: GatewayWay,
): Promise<Result<HeldIdentity, GatewayError | IdentityError>> {
  const token = await identity.token();
  if (token === undefined || token === '') {
    const detail = 'there is neither a certificate nor a token; install a bundle';
    return err({ type: 'Refused', why: 'unknown', detail, final: true });
  }
  const key = await identity.newKey('enrol');
  if (!key.ok) return key;
  const connection = await connectGateway(network, identity.config, undefined, signal);
  if (!connection.ok) return connection;
  const { stream } = connection.value;
  if (stream.destroyed) return err({ type: 'Unreachable', detail: 'the connection ended before it was used' });
  const line: GatewayLine = lineOver(stream, readGatewayWord, connectMax, clock);
  const shown = keyShown(identity, connection.value, 'enrol', key.value);
  line.say({ type: 'Enrol', protocol: controlVersions, token, ...shown, ...about });
  const word = await nextWord(line, signal);
  await line.close();
  if (!word.ok) return word;
  return word.value.type === 'Enrolled' ? identity.keep('enrol', word.value.certificate) : unexpected(word.value);
}

async function rotationRequest(
  identity: GuestIdentity,
  connection: GatewayConnection,
): Promise<Result<SentinelWord, GatewayError | IdentityError>> {
  const key = await identity.newKey('rotate');
  if (!key.ok) return key;
  // Lost meanwhile: a connection that is gone has nothing that a proof could be bound to.
  if (connection.stream.destroyed)
    return err({ type: 'Unreachable', detail: 'the connection ended before a new key was shown' });
  return ok({ type: 'Rotate', ...keyShown(identity, connection, 'rotate', key.value) });
}

/** A public key with the proof that we have the other half of it. */
function keyShown(
  { identities }: GuestIdentity,
  { secret }: GatewayConnection,
  purpose: ProofPurpose,
  key: SentinelKey,
): { readonly publicKey: string; readonly proof: string } {
  const proof = identities.prove(secret, purpose, key);
  return { publicKey: base64(key.publicKey), proof: base64(proof) };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function nextWord(line: GatewayLine, signal: AbortSignal): Promise<Result<GatewayWord, GatewayError>> {
  return new Promise((resolve) => {
    const cancel = (): void => void line.close();
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    line.listen({
      onSaid: (word) => {
        line.listen(undefined);
        signal.removeEventListener('abort', cancel);
        resolve(ok(word));
      },
      onEnd: (end) => {
        signal.removeEventListener('abort', cancel);
        resolve(err({ type: 'Unreachable', detail: end.type === 'Closed' ? 'stopped' : end.detail }));
      },
    });
  });
}

function unexpected(word: GatewayWord): Result<never, GatewayError> {
  if (word.type === 'Refused') {
    const { why, detail, final } = word;
    return err({ type: 'Refused', why, detail, final });
  }
  const detail = word.type === 'Failed' || word.type === 'Goodbye' ? JSON.stringify(word) : `it answers ${word.type}`;
  return err({ type: 'Unreachable', detail });
}
