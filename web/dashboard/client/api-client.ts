import { hc } from 'hono/client';
import type { RecordedFact } from '#core/event-log/event-log';
import { err, ok, type Result } from '#core/result';
import type { MigrationCommand } from '#core/migration/commands';
import type { WaveCommand } from '#core/wave/commands';
import type { ApiRoutes } from '#web/api/app';
import type { ProblemDocument } from '#web/api/problem';
import type { runSummary } from '#web/api/run';

/** A run as the server describes it. */
export type RunSummary = ReturnType<typeof runSummary>;

/** A page of facts in log order. */
export interface FactPage {
  readonly facts: readonly RecordedFact[];
  readonly next: number;
  readonly more: boolean;
}

/** Why a command came to nothing: a title and a sentence, whoever said no. */
export type CommandProblem = Pick<ProblemDocument, 'title' | 'detail'> & Partial<ProblemDocument>;

/** Whom a command is for. */
export type CommandTarget =
  | { readonly type: 'migration'; readonly id: string; readonly command: MigrationCommand }
  | { readonly type: 'wave'; readonly id: string; readonly command: WaveCommand };

/** The server, as the page needs it. */
export interface ApiClient {
  run(signal: AbortSignal): Promise<RunSummary>;
  facts(after: number, limit: number, signal?: AbortSignal): Promise<FactPage>;
  /** The text of the stream of facts, as it comes. */
  stream(after: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** Sends a command under a name: sent again under the same one, it is carried out once. */
  send(target: CommandTarget, key: string, operator: string): Promise<Result<void, CommandProblem>>;
}

/** An answer that is no success, in the words of its problem document where it has one. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
}

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Talks to the server at `base` (empty: where the page came from). */
export function apiClient(base: string, fetch: Fetch): ApiClient {
  const client = hc<ApiRoutes>(`${base}/api`, { fetch });
  return {
    run: async (signal) => (await read(await client.run.$get({}, { init: { signal } }))) as RunSummary,
    facts: async (after, limit, signal) => {
      const query = { after: String(after), limit: String(limit) };
      const url = client.facts.$url();
      url.search = new URLSearchParams(query).toString();
      return (await read(await fetch(url, signal ? { signal } : {}))) as FactPage;
    },
    stream: async (after, signal) => {
      const url = client.facts.stream.$url();
      url.search = new URLSearchParams({ after: String(after) }).toString();
      const response = await fetch(url, { signal });
      if (!response.ok || !response.body) throw new ApiFailure((await problemOf(response)).detail);
      return response.body;
    },
    send: async (target, key, operator) => {
      const options = {
        headers: {
          'content-type': 'application/json',
          'idempotency-key': key,
          'sealift-operator': encodeURIComponent(operator),
        },
        init: { body: JSON.stringify(target.command) },
      };
      const param = { id: target.id };
      try {
        const response =
          target.type === 'migration'
            ? await client.migrations[':id'].commands.$post({ param }, options)
            : await client.waves[':id'].commands.$post({ param }, options);
        return response.ok ? ok(undefined) : err(await problemOf(response));
      } catch (error) {
        // Whether it arrived is not known. The same key makes asking again safe.
        return err({ title: 'The server did not answer', detail: `${messageOf(error)}; it is safe to send it again` });
      }
    },
  };
}

async function read(response: Response): Promise<unknown> {
  if (!response.ok) throw new ApiFailure((await problemOf(response)).detail);
  return response.json();
}

async function problemOf(response: Response): Promise<CommandProblem> {
  const fallback = { title: 'The server refused', detail: `it answered ${response.status} ${response.statusText}` };
  try {
    return { ...fallback, ...((await response.json()) as Partial<ProblemDocument>) };
  } catch {
    return fallback; // No problem document: something other than our server answers there.
  }
}

/** The words of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
