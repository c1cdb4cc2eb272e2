import type { MigrationId } from '#core/ids';
import type { SourceHypervisor } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { kvmHypervisor } from '#replicator/connectors/kvm/kvm-hypervisor';
import { describeLaboratoryError, type LaboratoryOptions } from '#replicator/connectors/laboratory/laboratory';
import { startLaboratory } from '#replicator/connectors/laboratory/start';
import { describeQmpAddress, type QmpAddress } from '#replicator/qmp/address';

/** Where a source VM is: a monitor that is there, or a laboratory guest to start. */
export type SourceSite =
  | { readonly type: 'qmp'; readonly address: QmpAddress }
  | { readonly type: 'laboratory'; readonly options: Omit<LaboratoryOptions, 'signal'> };

/** A source that can be connected to. */
export interface OpenSource {
  /** For the log and for people; without secrets. */
  readonly description: string;
  readonly connect: () => SourceHypervisor;
  /** Ends what was started for it, in an orderly way. A VM that was there before goes on as it is. */
  readonly close: () => Promise<void>;
}

// Where NBD servers listen by custom. A monitor that answers over TCP is trusted with more than the disks already.
const exportPort = 10_809;

/** The laboratory did not come up: what kind of reason, and a sentence with the next step. */
export interface SourceSiteError {
  readonly type: 'LaboratoryFailed';
  readonly reason: string;
  readonly detail: string;
}

/** Starts what the site names, and nothing else. Aborting `signal` calls off what is still being started. */
export async function openSource(
  site: SourceSite,
  owner: MigrationId,
  signal: AbortSignal,
): Promise<Result<OpenSource, SourceSiteError>> {
  const at = (qmp: QmpAddress): Pick<OpenSource, 'description' | 'connect'> => ({
    description: `qmp:${describeQmpAddress(qmp)}`,
    connect: () =>
      kvmHypervisor(
        'path' in qmp ? { qmp, owner } : { qmp, owner, exports: { type: 'inet', host: qmp.host, port: exportPort } },
      ),
  });
  if (site.type === 'qmp') return ok({ ...at(site.address), close: () => Promise.resolve() });
  // A guest that runs is ended in an orderly way, by `close`: pulling its plug is for those who have not come up.
  const booting = new AbortController();
  const callOff = (): void => booting.abort();
  signal.addEventListener('abort', callOff, { once: true });
  if (signal.aborted) callOff();
  const started = await startLaboratory({ ...site.options, signal: booting.signal });
  signal.removeEventListener('abort', callOff);
  if (!started.ok) {
    return err({
      type: 'LaboratoryFailed',
      reason: started.error.type,
      detail: describeLaboratoryError(started.error),
    });
  }
  const laboratory = started.value;
  return ok({ ...at({ path: laboratory.qmpSocket }), close: () => laboratory.stop() });
}
