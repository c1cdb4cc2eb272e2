import type { Clock } from '#core/clock';
import { nodeFiles } from '#replicator/disk/node-files';
import type { OpenDiskOptions } from '#replicator/disk/open-disk';
import { directPath } from '#replicator/pipeline/direct-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { targetPath } from '#replicator/receiver/target-name';
import { compareJob, inspectJob, runJob, type ForwardingSite } from './run-job.ts';

/** Carries out jobs of managers: through a receiver at another site, or in this process. */
export type GatewayJobs = Pick<ReplicationPath, 'run' | 'compare' | 'inspect' | 'close'>;

/** Jobs whose replicas a receiver writes. */
export const forwardedJobs = (site: ForwardingSite): GatewayJobs => ({
  run: (job, options = {}) => runJob(site, job, options),
  compare: (job, options = {}) => compareJob(site, job, options),
  inspect: (job) => inspectJob(site, job),
  close: async () => undefined,
});

/**
 * Jobs whose replicas are written here, below `directory`: gateway and receiver are one process. A target has the same
 * name, and the same rules for it, as at a receiver.
 */
export function localJobs(
  directory: string,
  { clock, sources }: { readonly clock: Clock; readonly sources: OpenDiskOptions },
): GatewayJobs {
  const { ofSentinel, openSource, files = nodeFiles, ...nbd } = sources;
  const optional = { ...(ofSentinel && { ofSentinel }), ...(openSource && { openSource }) };
  const path = directPath({ clock, nbd, files, ...optional });
  return {
    run: async (job, options) => {
      const target = await targetPath(directory, job.target, files);
      return target.ok ? path.run({ ...job, target: target.value }, options) : target;
    },
    compare: async (job, options) => {
      const target = await targetPath(directory, job.target, files);
      return target.ok ? path.compare({ ...job, target: target.value }, options) : target;
    },
    inspect: async (job) => {
      const target = await targetPath(directory, job.target, files);
      return target.ok ? path.inspect({ ...job, target: target.value }) : target;
    },
    close: () => path.close(),
  };
}
