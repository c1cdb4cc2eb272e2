import { unreachable } from '#core/invariant';

/** Why a QMP exchange did not end with an answer. What decides the next step is whether QEMU may have acted. */
export type QmpError =
  /** No monitor was reached, or it did not greet in time. Nothing was asked. */
  | { readonly type: 'ConnectFailed'; readonly address: string; readonly detail: string }
  /** The connection was gone before the command left this process: QEMU certainly did not act. */
  | { readonly type: 'NotSent'; readonly command: string; readonly detail: string }
  /** The command left and no answer came: QEMU may or may not have acted. Ask the world before repeating it. */
  | { readonly type: 'OutcomeUnknown'; readonly command: string; readonly detail: string }
  /** QEMU answered with an error, in its own words. `class` is QEMU's error class. */
  | { readonly type: 'CommandFailed'; readonly command: string; readonly class: string; readonly description: string }
  /** What is waited for did not come in time. */
  | { readonly type: 'TimedOut'; readonly waitedFor: string }
  /** The caller's signal ended the wait. */
  | { readonly type: 'Aborted'; readonly waitedFor: string }
  /** The connection ended while an event was waited for. */
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  /** The peer sent what QMP does not allow; the connection was closed. */
  | { readonly type: 'ProtocolViolation'; readonly detail: string };

/** One sentence for a person. */
export function describeQmpError(error: QmpError): string {
  switch (error.type) {
    case 'ConnectFailed':
      return `no QMP monitor could be reached at ${error.address}: ${error.detail}`;
    case 'NotSent':
      return `${error.command} was not sent: ${error.detail}`;
    case 'OutcomeUnknown':
      return `${error.command} was sent and its answer was lost: ${error.detail}`;
    case 'CommandFailed':
      return `QEMU refused ${error.command}: ${error.description} (${error.class})`;
    case 'TimedOut':
      return `timed out waiting for ${error.waitedFor}`;
    case 'Aborted':
      return `stopped waiting for ${error.waitedFor}`;
    case 'ConnectionLost':
      return `the QMP connection was lost: ${error.detail}`;
    case 'ProtocolViolation':
      return `the QMP peer broke the protocol and was disconnected: ${error.detail}`;
    default:
      return unreachable(error);
  }
}
