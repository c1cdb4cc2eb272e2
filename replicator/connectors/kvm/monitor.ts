import type { z } from 'zod';
import { unreachable } from '#core/invariant';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { QmpAddress } from '#replicator/qmp/address';
import { answerTimeout, connectQmp, type QmpClient } from '#replicator/qmp/client';
import { describeQmpError, type QmpError } from '#replicator/qmp/error';
import type { JsonObject } from '#replicator/qmp/message';

/**
 * A QMP monitor that is connected when it is needed. A lost connection is reported to the call it was lost under, and
 * the next call connects again: so a call whose outcome is unknown can simply be repeated.
 */
export interface Monitor {
  /** Sends one command on behalf of `operation` (a method of the port) and checks what it returned. */
  ask<T>(operation: string, command: QmpCommand, answer: z.ZodType<T>): Promise<Result<T, HypervisorError>>;
  /** As `ask`, and then waits for an event that the command causes. */
  askAndAwait(operation: string, command: QmpCommand, event: AwaitedEvent): Promise<Result<void, HypervisorError>>;
  /** Lets go of the connection for good. */
  close(): Promise<void>;
}

/** One QMP command. */
export interface QmpCommand {
  readonly command: string;
  readonly args?: JsonObject;
}

/** One QMP event, told from others of its name by its data. */
export interface AwaitedEvent {
  readonly name: string;
  readonly matches: (data: JsonObject) => boolean;
}

/** The oldest QEMU with `block-export-add`, without which a disk in use cannot be read. */
const oldestVersion = { major: 5, minor: 2 };

/** Makes a monitor that is not connected yet. */
export function kvmMonitor(address: QmpAddress, timeout: Millis = answerTimeout): Monitor {
  let current: Promise<Result<QmpClient, QmpError>> | undefined;
  let isClosed = false;

  const connected = async (operation: string): Promise<Result<QmpClient, HypervisorError>> => {
    if (isClosed) return err({ type: 'Unreachable', operation, detail: 'the connection was closed by this side' });
    const before = await current;
    if (before === undefined || !before.ok || !before.value.isOpen) current = connectQmp(address);
    const client = await current;
    if (client === undefined) return err({ type: 'Unreachable', operation, detail: 'not connected' });
    if (!client.ok) return err(toHypervisorError(operation, client.error));
    const { major, minor, micro } = client.value.version;
    if (major < oldestVersion.major || (major === oldestVersion.major && minor < oldestVersion.minor)) {
      const detail = `QEMU ${major}.${minor}.${micro} cannot export a disk in use; 5.2 or newer is needed`;
      return err({ type: 'Refused', operation, detail });
    }
    return ok(client.value);
  };

  return {
    async ask(operation, { command, args }, answer) {
      const client = await connected(operation);
      if (!client.ok) return client;
      const returned = await client.value.execute(command, args, { timeout });
      if (!returned.ok) return err(toHypervisorError(operation, returned.error));
      const checked = answer.safeParse(returned.value);
      if (checked.success) return ok(checked.data);
      const [issue] = checked.error.issues;
      const detail = `${command} returned something else than expected: ${issue?.path.join('.')}: ${issue?.message}`;
      await client.value.close(); // Who answers wrongly once is not believed again on this connection.
      return err({ type: 'ProtocolViolation', detail });
    },
    async askAndAwait(operation, { command, args }, { name, matches }) {
      const client = await connected(operation);
      if (!client.ok) return client;
      const giveUp = new AbortController();
      const awaited = client.value.waitFor(name, matches, { timeout, signal: giveUp.signal });
      const returned = await client.value.execute(command, args, { timeout });
      if (!returned.ok) giveUp.abort();
      const event = await awaited;
      const failed = returned.ok ? event : returned;
      return failed.ok ? ok(undefined) : err(toHypervisorError(operation, failed.error));
    },
    async close() {
      isClosed = true;
      const client = await current;
      if (client?.ok) await client.value.close();
    },
  };
}

/** A QMP error in the words of the port. Nothing is lost: the sentence keeps what was known. */
export function toHypervisorError(operation: string, error: QmpError): HypervisorError {
  switch (error.type) {
    case 'CommandFailed':
      return { type: 'Refused', operation, detail: `${error.command}: ${error.description}` };
    case 'ProtocolViolation':
      return { type: 'ProtocolViolation', detail: error.detail };
    case 'ConnectFailed':
    case 'NotSent':
    case 'OutcomeUnknown':
    case 'TimedOut':
    case 'Aborted':
    case 'ConnectionLost':
      return { type: 'Unreachable', operation, detail: describeQmpError(error) };
    default:
      return unreachable(error);
  }
}
