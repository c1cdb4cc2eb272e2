import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { err, ok, type Result } from '#core/result';
import { webApp } from '#web/api/app';
import { isLoopback, listenAddress, urlHost } from './loopback.ts';
import type { WebPorts } from './ports.ts';

/** What to serve, and where. */
export interface ServerOptions {
  readonly ports: WebPorts;
  /** A loopback address. Default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any that is free. Default 8080. */
  readonly port?: number;
  /** The folder of the built dashboard (`dist/dashboard`). Without it, a page says how to build it. */
  readonly dashboard: string;
  /** Told what a request handler threw: a fault of this program, which the client is not told more of. */
  readonly onCrash?: (error: unknown) => void;
}

/** A server that listens. */
export interface WebServer {
  /** Where a browser finds it: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Ends every stream and connection, then lets go of the port. Idempotent. */
  stop(): Promise<void>;
}

/** Why there is no server. Nothing was started. */
export type StartError =
  | { readonly type: 'NotLoopback'; readonly host: string }
  | { readonly type: 'PortTaken'; readonly host: string; readonly port: number }
  | { readonly type: 'PortForbidden'; readonly host: string; readonly port: number }
  | { readonly type: 'ListenFailed'; readonly host: string; readonly port: number; readonly detail: string };

/** One sentence for a person: what is wrong and what to do next. */
export function describeStartError(error: StartError): string {
  switch (error.type) {
    case 'NotLoopback':
      return `the web server does not listen on ${error.host}: there is no authentication yet, so only a loopback address is allowed (127.0.0.1, ::1, localhost); use an SSH tunnel to reach it from elsewhere`;
    case 'PortTaken':
      return `port ${error.port} on ${error.host} is taken by another program; stop that one, or choose another with --port`;
    case 'PortForbidden':
      return `this user may not listen on port ${error.port}; choose one above 1023 with --port`;
    case 'ListenFailed':
      return `the web server cannot listen on ${error.host} port ${error.port} (${error.detail}); check --host and --port`;
  }
}

/** Serves the API and the dashboard until it is stopped. Resolves once it listens. */
export async function startServer(options: ServerOptions): Promise<Result<WebServer, StartError>> {
  const { ports, host = '127.0.0.1', port = 8080, dashboard, onCrash } = options;
  if (!isLoopback(host)) return err({ type: 'NotLoopback', host });
  const stopping = new AbortController();
  const app = webApp(ports, { dashboard, stopping: stopping.signal, ...(onCrash && { onCrash }) });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(port, listenAddress(host));
  try {
    await once(server, 'listening');
  } catch (cause) {
    return err(startErrorOf(cause, host, port));
  }
  const { port: listening } = server.address() as AddressInfo;
  return ok({
    url: `http://${urlHost(listenAddress(host))}:${listening}`,
    port: listening,
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      stopping.abort();
      server.close();
      // A browser keeps its connections open; without this the port would be held until it goes away.
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  });
}

function startErrorOf(cause: unknown, host: string, port: number): StartError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') return { type: 'PortTaken', host, port };
  if (code === 'EACCES') return { type: 'PortForbidden', host, port };
  return { type: 'ListenFailed', host, port, detail: cause instanceof Error ? cause.message : String(cause) };
}
