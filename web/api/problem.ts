import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { AppendError } from '#core/event-log/event-log';
import { describeRejection, type Rejection } from '#core/migration/commands';
import { describeWaveRejection, type WaveRejection } from '#core/wave/commands';
import type { ForeignRequest } from '#web/loopback';
import type { WishRefusal } from '#web/ports';

/** What is wrong with a request, beside what the models and the log refuse. */
export type RequestError =
  | { readonly type: 'NoSuchMigration'; readonly id: string }
  | { readonly type: 'NoSuchWave'; readonly id: string }
  | { readonly type: 'NoSuchRoute'; readonly path: string }
  | { readonly type: 'InvalidQuery'; readonly problems: readonly string[] }
  | { readonly type: 'InvalidHeader'; readonly problems: readonly string[] }
  | { readonly type: 'NotJson'; readonly detail: string }
  | { readonly type: 'BodyTooLarge'; readonly bytesMax: number }
  | { readonly type: 'MediaTypeNotJson'; readonly given: string }
  | { readonly type: 'InvalidCommand'; readonly problems: readonly string[] }
  /** The run is a recording. */
  | { readonly type: 'Recording'; readonly source: string }
  /** The run is live and driven by another process. */
  | { readonly type: 'NotDrivenHere' }
  | { readonly type: 'LogUnreadable'; readonly detail: string }
  | { readonly type: 'Internal' };

/** Everything that can go wrong in the API. */
export type ApiError = RequestError | ForeignRequest | WishRefusal<Rejection> | WishRefusal<WaveRejection>;

/** The one table of statuses. An error that is added anywhere does not build until it has a row. */
const problems = {
  NoSuchMigration: [404, 'There is no such migration'],
  NoSuchWave: [404, 'There is no such wave'],
  NoSuchRoute: [404, 'There is nothing at this address'],
  InvalidQuery: [400, 'The query is not valid'],
  InvalidHeader: [400, 'A header is not valid'],
  NotJson: [400, 'The body is not JSON'],
  BodyTooLarge: [413, 'The body is too large'],
  MediaTypeNotJson: [415, 'The body must be JSON'],
  InvalidCommand: [422, 'The command is not valid'],
  Recording: [409, 'This is a recording'],
  NotDrivenHere: [409, 'This run is driven by another process'],
  LogUnreadable: [503, 'The event log cannot be read'],
  Internal: [500, 'Something is wrong in this program'],
  ForeignHost: [403, 'Only requests to a loopback address are served'],
  ForeignOrigin: [403, 'Requests of other sites are not served'],
  NotNow: [409, 'The command is not possible now'],
  AlreadyDrafted: [409, 'This migration exists already'],
  NotDrafted: [409, 'This migration has not been drafted'],
  NotApproved: [409, 'The cutover has not been approved'],
  ApproverIsRequester: [409, 'The requester may not approve'],
  TestNotPassed: [409, 'The test launch has not been passed'],
  PastPointOfNoReturn: [409, 'There is no way back any more'],
  LosesTargetWrites: [409, 'Going back would lose what the target wrote'],
  OutcomeUnsettled: [409, 'An answer of the world is missing'],
  InvalidPlan: [422, 'The plan is not valid'],
  WaveNotNow: [409, 'The command is not possible now'],
  WaveAlreadyDrafted: [409, 'This wave exists already'],
  WaveNotDrafted: [409, 'This wave has not been drafted'],
  WaveApproverIsRequester: [409, 'The requester may not approve'],
  InvalidWavePlan: [422, 'The wave plan is not valid'],
  RevisionConflict: [409, 'Someone else moved it on'],
  LogFull: [507, 'The event log has no room left'],
  LogUnavailable: [503, 'The event log cannot be reached'],
  LogClosed: [503, 'The event log has been closed'],
  DriverStopped: [503, 'The driver of this run has stopped'],
  NotDriven: [404, 'Nobody drives this'],
} as const satisfies Record<ApiError['type'], readonly [status: ContentfulStatusCode, title: string]>;

/** A problem document (RFC 9457): for a person `title` and `detail`, for a program `type` and `error`. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The error as the program has it. */
  readonly error: ApiError;
  /** After a refused command: the commands that are possible now. */
  readonly legal?: readonly string[];
}

/** The document for an error. */
export function problemDocument(error: ApiError, legal?: readonly string[]): ProblemDocument {
  const [status, title] = problems[error.type];
  return {
    type: `urn:sealift:problem:${error.type}`,
    title,
    status,
    detail: describe(error),
    error,
    ...(legal && { legal }),
  };
}

/** Answers a request with an error. */
export function problem(c: Context, error: ApiError, legal?: readonly string[]): Response {
  const document = problemDocument(error, legal);
  return c.body(JSON.stringify(document), document.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
}

function describe(error: ApiError): string {
  switch (error.type) {
    case 'NoSuchMigration':
      return `there is no migration ${error.id}; GET /api/migrations lists them`;
    case 'NoSuchWave':
      return `there is no wave ${error.id}; GET /api/waves lists them`;
    case 'NoSuchRoute':
      return `nothing is served at ${error.path}; the API begins at /api/run`;
    case 'InvalidQuery':
    case 'InvalidHeader':
    case 'InvalidCommand':
      return error.problems.join('; ');
    case 'NotJson':
      return `the body cannot be parsed: ${error.detail}`;
    case 'BodyTooLarge':
      return `a body may have ${error.bytesMax} bytes at most`;
    case 'MediaTypeNotJson':
      return `send Content-Type: application/json; got ${error.given === '' ? 'none' : error.given}`;
    case 'Recording':
      return `${error.source} is a recording: it can be looked at, and nothing in it can be changed`;
    case 'NotDrivenHere':
      return 'this process shows the log of a run that another process drives; send the command there';
    case 'LogUnreadable':
      return error.detail;
    case 'Internal':
      return 'the request could not be served; the terminal that the server runs in says why';
    case 'ForeignHost':
      return `the Host header names ${error.host === '' ? 'no host' : error.host}; use 127.0.0.1, [::1] or localhost`;
    case 'ForeignOrigin':
      return 'a page of another site sent this request; send it from the dashboard or from a program';
    case 'WaveNotNow':
    case 'WaveAlreadyDrafted':
    case 'WaveNotDrafted':
    case 'WaveApproverIsRequester':
    case 'InvalidWavePlan':
      return describeWaveRejection(error);
    case 'RevisionConflict':
    case 'LogFull':
    case 'LogUnavailable':
    case 'LogClosed':
      return describeAppendError(error);
    case 'DriverStopped':
      return 'the driver has stopped; it takes the run up again when Sealift is restarted';
    case 'NotDriven':
      return `nobody in this process drives ${error.stream}; draft it first, or send the command to the process that drives it`;
    default:
      return describeRejection(error);
  }
}

function describeAppendError(error: AppendError): string {
  switch (error.type) {
    case 'RevisionConflict':
      return `${error.stream} has moved on; read it again and decide anew`;
    case 'LogFull':
      return `${error.where} has no room (${error.detail}); free some and repeat the command`;
    case 'LogUnavailable':
      return `${error.where} refused (${error.detail}); ${error.written === 'unknown' ? 'whether it was written is not known: repeat the command with the same Idempotency-Key' : 'nothing was written: repeat the command'}`;
    case 'LogClosed':
      return 'the run is being shut down; repeat the command once it is back';
  }
}
