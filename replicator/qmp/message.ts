import { err, ok, type Result } from '#core/result';

/** A JSON object whose members nobody has checked yet. */
export type JsonObject = { readonly [name: string]: unknown };

/** QEMU's version, as it greets. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** Something QEMU tells without being asked. */
export interface QmpEvent {
  readonly name: string;
  readonly data: JsonObject;
}

/** One line of the server, checked as far as the protocol goes. What a command returns is its caller's to check. */
export type QmpMessage =
  | { readonly type: 'Greeting'; readonly version: QemuVersion }
  | { readonly type: 'Return'; readonly id: string; readonly value: unknown }
  | {
      readonly type: 'Error';
      /** Absent when QEMU could not even parse what we sent. */
      readonly id: string | undefined;
      readonly class: string;
      readonly description: string;
    }
  | { readonly type: 'Event'; readonly event: QmpEvent };

/** Reads one line. The error is a sentence about what is wrong with it. */
export function parseMessage(line: string): Result<QmpMessage, string> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return err(`not JSON: ${excerpt(line)}`);
  }
  if (!isObject(value)) return err(`not a JSON object: ${excerpt(line)}`);
  const message =
    'QMP' in value
      ? greeting(value['QMP'])
      : 'event' in value
        ? event(value)
        : 'error' in value
          ? failure(value)
          : 'return' in value
            ? answer(value)
            : undefined;
  return message === undefined ? err(`neither greeting, answer, error nor event: ${excerpt(line)}`) : ok(message);
}

/** A JSON object, and not an array or null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function greeting(value: unknown): QmpMessage | undefined {
  const version = isObject(value) ? value['version'] : undefined;
  const qemu = isObject(version) ? version['qemu'] : undefined;
  if (!isObject(qemu)) return undefined;
  const { major, minor, micro } = qemu;
  if (!Number.isSafeInteger(major) || !Number.isSafeInteger(minor) || !Number.isSafeInteger(micro)) return undefined;
  return { type: 'Greeting', version: { major: Number(major), minor: Number(minor), micro: Number(micro) } };
}

function answer(value: JsonObject): QmpMessage | undefined {
  const id = value['id'];
  return typeof id === 'string' ? { type: 'Return', id, value: value['return'] } : undefined;
}

function failure(value: JsonObject): QmpMessage | undefined {
  const { error, id } = value;
  if (!isObject(error) || (id !== undefined && typeof id !== 'string')) return undefined;
  const { class: errorClass, desc } = error;
  if (typeof errorClass !== 'string' || typeof desc !== 'string') return undefined;
  return { type: 'Error', id, class: errorClass, description: desc };
}

function event(value: JsonObject): QmpMessage | undefined {
  const { event: name, data } = value;
  if (typeof name !== 'string' || (data !== undefined && !isObject(data))) return undefined;
  return { type: 'Event', event: { name, data: data ?? {} } };
}

// A line may be megabytes long and may hold anything; an error message may not.
const excerpt = (line: string): string => JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}...` : line);
