import { z } from 'zod';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { formatExportName, parseExportName, type ExportName } from './export-name.ts';
import type { Monitor } from './monitor.ts';

const nothing = z.object({});
const blockExport = z.object({ id: z.string(), 'node-name': z.string(), 'shutting-down': z.boolean() });

/** What to show. `bitmap` is a frozen one on the same node. */
export interface ExportRequest {
  readonly name: ExportName;
  readonly node: string;
  readonly bitmap: string | undefined;
}

/** Shows a node read-only through the NBD server, which must run. Returns the export's name. */
export async function openExport(
  monitor: Monitor,
  operation: string,
  { name, node, bitmap }: ExportRequest,
): Promise<Result<string, HypervisorError>> {
  const id = formatExportName(name);
  const existing = await monitor.ask(operation, { command: 'query-block-exports' }, z.array(blockExport));
  if (!existing.ok) return existing;
  const same = existing.value.find((candidate) => candidate.id === id);
  if (same !== undefined && same['node-name'] === node && !same['shutting-down']) return ok(id);
  if (same !== undefined)
    return err({
      type: 'Refused',
      operation,
      detail: `the export ${id} shows another node or is closing; close it first`,
    });
  const bitmaps = bitmap === undefined ? {} : { bitmaps: [bitmap] };
  const args = { type: 'nbd', id, name: id, 'node-name': node, writable: false, ...bitmaps };
  const added = await monitor.ask(operation, { command: 'block-export-add', args }, nothing);
  return added.ok ? ok(id) : added;
}

/** Ends the chosen exports of ours, readers or not, and returns once they are gone. Foreign ones are never chosen from. */
export async function closeExports(
  monitor: Monitor,
  operation: string,
  isChosen: (name: Omit<ExportName, 'disk'>) => boolean,
): Promise<Result<void, HypervisorError>> {
  const existing = await monitor.ask(operation, { command: 'query-block-exports' }, z.array(blockExport));
  if (!existing.ok) return existing;
  for (const { id } of existing.value) {
    const name = parseExportName(id);
    if (name === undefined || !isChosen(name)) continue;
    // Hard: a reader that hangs must not keep a mark from being dropped.
    const command = { command: 'block-export-del', args: { id, mode: 'hard' } };
    const deleted = await monitor.askAndAwait(operation, command, {
      name: 'BLOCK_EXPORT_DELETED',
      matches: (data) => data['id'] === id,
    });
    if (!deleted.ok && !(await isGone(monitor, operation, id))) return deleted;
  }
  return ok(undefined);
}

/** Whether any export is left, ours or not. */
export async function hasExports(monitor: Monitor, operation: string): Promise<Result<boolean, HypervisorError>> {
  const existing = await monitor.ask(operation, { command: 'query-block-exports' }, z.array(blockExport));
  return existing.ok ? ok(existing.value.length > 0) : existing;
}

// A refusal may only mean that the export went away by itself in between.
async function isGone(monitor: Monitor, operation: string, id: string): Promise<boolean> {
  const existing = await monitor.ask(operation, { command: 'query-block-exports' }, z.array(blockExport));
  return existing.ok && existing.value.every((candidate) => candidate.id !== id);
}
