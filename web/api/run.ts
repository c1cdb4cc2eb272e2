import { Hono } from 'hono';
import type { RunView } from './run-view.ts';

/** Says which run this is, how far it is read, and what its clock shows. */
export const runRoutes = (run: RunView, hasCommands: boolean) =>
  new Hono().get('/', (c) => c.json(runSummary(run, hasCommands)));

/** A run in a few values. `identity` changes when the server shows another log: positions of the old one mean nothing. */
export function runSummary(run: RunView, hasCommands: boolean) {
  const { mode, source, speed } = run.description;
  const { facts, span, head, identity } = run.extent();
  return {
    mode,
    source,
    speed,
    identity,
    facts,
    span,
    head,
    now: run.now(),
    fault: run.fault(),
    takesCommands: mode === 'live' && hasCommands,
    migrations: run.fleet.migrations.size,
    waves: run.fleet.waves.size,
  };
}
