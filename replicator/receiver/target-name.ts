import { dirname, join, sep } from 'node:path';
import { err, ok, type Result } from '#core/result';
import { detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import type { ReplicationError } from '#replicator/pipeline/replication';

// What is safe in every file system and on every command line, and no name of a file we keep beside a target.
const part = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const depthMax = 8;

/**
 * The path of a target below the one directory a receiver may write in. The name comes from another machine: it is a
 * few plain words between slashes, or refused. Folders on the way must exist and must not lead out by a link.
 */
export async function targetPath(
  directory: string,
  name: string,
  files: Files = nodeFiles,
): Promise<Result<string, ReplicationError>> {
  const refuse = (why: string): Result<never, ReplicationError> =>
    err({ type: 'TargetNameRefused', target: name, why });
  const parts = name.split('/');
  if (parts.length > depthMax || !parts.every((word) => part.test(word))) {
    return refuse(
      'it must be a name of letters, digits, dots, dashes and underscores, perhaps with folders before it (vm-7/disk0.raw), below the directory of the receiver',
    );
  }
  if (parts.some((word) => word.includes('.sealift-')))
    return refuse('names with .sealift- in them are kept for journals');
  const path = join(directory, ...parts);
  try {
    const root = await files.realpath(directory);
    const folder = await files.realpath(dirname(path));
    if (folder !== root && !folder.startsWith(root + sep))
      return refuse('a link on the way leads out of the directory');
    const last = join(folder, parts.at(-1) ?? '');
    // A target that is itself a link would be written wherever that leads, now or once it leads somewhere.
    const found = await files.lstat(last).catch(() => undefined);
    return found?.kind === 'link' ? refuse('it is a link') : ok(last);
  } catch (cause) {
    return err({ type: 'TargetUnavailable', target: name, detail: detailOf(cause) });
  }
}
