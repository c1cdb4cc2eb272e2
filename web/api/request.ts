import type { Context } from 'hono';
import type { z } from 'zod';
import { commandId, type CommandId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { schemaProblems } from './command-schema.ts';
import type { RequestError } from './problem.ts';

/** A plan of ten thousand members fits; a body that does not end does not. */
export const bodyBytesMax = 4 * 1024 * 1024;

/** Parses a JSON body by a schema: 415, 413, 400 and 422 each say what is wrong. */
export async function readCommand<T>(c: Context, schema: z.ZodType<T>): Promise<Result<T, RequestError>> {
  const mediaType = c.req.header('content-type') ?? '';
  // A form of another site can send text/plain without being asked; it cannot send this.
  if (!/^application\/json\s*(;|$)/i.test(mediaType)) return err({ type: 'MediaTypeNotJson', given: mediaType });
  const body = await readBody(c.req.raw.body);
  if (body === undefined) return err({ type: 'BodyTooLarge', bytesMax: bodyBytesMax });
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    return err({ type: 'NotJson', detail: error instanceof Error ? error.message : 'it is not JSON' });
  }
  const command = schema.safeParse(parsed);
  return command.success ? ok(command.data) : err({ type: 'InvalidCommand', problems: schemaProblems(command.error) });
}

async function readBody(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  if (body === null) return '';
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.byteLength;
    if (size > bodyBytesMax) {
      await reader.cancel();
      return undefined;
    }
    parts.push(read.value);
  }
  return new TextDecoder().decode(Buffer.concat(parts));
}

/** Who sends a command, and under which name it may be repeated. */
export interface Sender {
  readonly id: CommandId;
  readonly actor: string;
}

// There is no authentication: the name is what the sender says it is, and the log says so by its prefix.
const operatorShape = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;

/** Reads `Idempotency-Key` (a new one is made when it is missing) and `Sealift-Operator` (default: local). */
export function readSender(c: Context): Result<Sender, RequestError> {
  const operator = decoded(c.req.header('sealift-operator') ?? 'local');
  if (!operatorShape.test(operator))
    return err({
      type: 'InvalidHeader',
      problems: ['Sealift-Operator must be a name of 1 to 64 letters, digits, spaces, dots, dashes, underscores or @'],
    });
  try {
    const id = commandId(c.req.header('idempotency-key') ?? crypto.randomUUID());
    return ok({ id, actor: `operator:${operator}` });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return err({ type: 'InvalidHeader', problems: [`Idempotency-Key: ${error.message}`] });
  }
}

// Headers are ASCII; a browser sends other names percent-encoded.
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Reads a natural number from the query; undefined when it is not there. */
export function readNatural(c: Context, name: string, max: number): Result<number | undefined, RequestError> {
  const value = c.req.query(name);
  if (value === undefined) return ok(undefined);
  const n = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  return n <= max
    ? ok(n)
    : err({ type: 'InvalidQuery', problems: [`${name} must be a whole number from 0 to ${max}; got ${value}`] });
}
