import { sourceIsTaken } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import { describeTargetError, type TargetPlatform } from '#core/ports/target-platform';
import { ok, type Result } from '#core/result';

/**
 * Whether somebody who finds the source off may start it. Not one that a cutover has taken: only its rollback starts it,
 * once its target is gone. And never beside a target that is connected, whatever the log says. The error is a sentence.
 */
export async function mayStartSource(
  state: MigrationState,
  target: Pick<TargetPlatform, 'find'>,
  vm: string,
): Promise<Result<boolean, string>> {
  if (sourceIsTaken(state)) return ok(false);
  const found = await target.find(vm);
  if (!found.ok) return { ok: false, error: describeTargetError(found.error) };
  return ok(found.value?.power !== 'running' || found.value.links !== 'connected');
}
