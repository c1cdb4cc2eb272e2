import { minutes } from '#core/units';
import { liveGuestSystem } from '#replicator/sentinel/folder-guest-system';
import { newPassword } from '#replicator/sentinel/stage/new-password';
import { renderStageFile, stagePath, type StageFile } from '#replicator/sentinel/stage/stage-file';
import { finalizeStage, runStageTwo, validationAccount } from '#replicator/sentinel/stage/stage-two';
import { wallClock } from '#replicator/wall-clock';

/*
 * Stage two of the system this process runs in, with an account that a check is run by: `begin` boots it, `password` asks
 * for a password, `end` finalizes. Says on its output what came of it, as JSON. For a namespace of its own only.
 */
const file: StageFile = {
  ...{ stage: 'target', migration: 'guest1' },
  checks: [
    {
      ...{ id: 'who', kind: 'script', command: 'id -un; touch /root/not-mine 2>/dev/null && exit 9 || exit 0' },
      ...{ asAccount: true, timeout: minutes(1), mustSucceed: true },
    },
  ],
  account: { name: 'sealift-look' },
};

async function carryOut(step: string | undefined): Promise<unknown> {
  const system = liveGuestSystem();
  switch (step) {
    case 'begin':
      await system.write(stagePath, renderStageFile(file));
      return runStageTwo(system, wallClock, file);
    case 'password':
      return validationAccount(system, newPassword);
    default:
      return finalizeStage(system);
  }
}

process.stdout.write(`${JSON.stringify(await carryOut(process.argv[2]))}\n`);
