import type { TLSSocket } from 'node:tls';
import { err, ok, type Result } from '#core/result';
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
import { prove, publicKeyOf } from '#replicator/sentinel/identity/proof';
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

/** Connects with our certificate and says who we are. */
export async function greetGateway(
  identity: GuestIdentity,
  held: HeldIdentity,
  introduction: Introduction,
  signal: AbortSignal,
): Promise<Result<AdmittedLine, GatewayError>> {
  const socket = await connectGateway(identity.config, held, signal);
  if (!socket.ok) return socket;
  const line: GatewayLine = lineOver(socket.value, readGatewayWord, connectMax);
  const { sentinel } = identity.config;
  line.say({ type: 'Hello', protocol: controlVersions, sentinel, ...introduction, can: [...introduction.can] });
  const word = await nextWord(line, signal);
  if (!word.ok) return word;
  if (word.value.type === 'Admitted') {
    const rotation = () => rotationRequest(identity, socket.value);
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
): Promise<Result<HeldIdentity, GatewayError | IdentityError>> {
  const token = await identity.token();
  if (token === undefined || token === '') {
    const detail = 'there is neither a certificate nor a token; install a bundle';
    return err({ type: 'Refused', why: 'unknown', detail, final: true });
  }
  const key = await identity.newKey('enrol');
  if (!key.ok) return key;
  const socket = await connectGateway(identity.config, undefined, signal);
  if (!socket.ok) return socket;
  if (socket.value.destroyed) return err({ type: 'Unreachable', detail: 'the connection ended before it was used' });
  const line: GatewayLine = lineOver(socket.value, readGatewayWord, connectMax);
  line.say({
    type: 'Enrol',
    protocol: controlVersions,
    token,
    publicKey: publicKeyOf(key.value).toString('base64'),
    proof: prove(socket.value, 'enrol', key.value).toString('base64'),
    ...about,
  });
  const word = await nextWord(line, signal);
  await line.close();
  if (!word.ok) return word;
  return word.value.type === 'Enrolled' ? identity.keep('enrol', word.value.certificate) : unexpected(word.value);
}

async function rotationRequest(
  identity: GuestIdentity,
  socket: TLSSocket,
): Promise<Result<SentinelWord, GatewayError | IdentityError>> {
  const key = await identity.newKey('rotate');
  if (!key.ok) return key;
  // Lost meanwhile: a connection that is gone has nothing that a proof could be bound to.
  if (socket.destroyed) return err({ type: 'Unreachable', detail: 'the connection ended before a new key was shown' });
  const publicKey = publicKeyOf(key.value).toString('base64');
  return ok({ type: 'Rotate', publicKey, proof: prove(socket, 'rotate', key.value).toString('base64') });
}

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
