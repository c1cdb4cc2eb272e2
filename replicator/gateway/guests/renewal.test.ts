import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { instant, millis } from '#core/units';
import { identityFilesIn, type IdentityFiles } from '#replicator/sentinel/identity/identity-files';
import { wallClock } from '#replicator/wall-clock';
import { startGuestSite, type GuestSite } from '#test/support/small-guest';
import { valueOf } from '#test/support/value-of';

let site: GuestSite;
beforeEach(async () => {
  site = await startGuestSite();
});
afterEach(() => site.close());

const waiting = { timeout: 30_000, interval: 10 };
const untilConnected = () => vi.waitFor(() => expect(site.guests.list()[0]?.state).toBe('enrolled.connected'), waiting);

async function renewals(): Promise<number> {
  const log = valueOf(await openSqliteEventLog({ path: join(site.folder, 'state', 'sentinels.db'), mode: 'readOnly' }));
  let count = 0;
  for await (const { type } of log.readStream('sentinel-web01')) if (type === 'CertificateRotated') count += 1;
  await log.close();
  return count;
}

it('a certificate is asked for once, however long it takes to be kept', { timeout: 120_000 }, async () => {
  const directory = await site.unpack(await site.invite('web01'));
  const young = await site.agent(directory);
  await untilConnected();
  await young.stop();
  const files = identityFilesIn(directory);
  // Five heartbeats pass meanwhile.
  const slow: IdentityFiles = {
    ...files,
    write: async (name, text) => {
      await wallClock.wait(millis(500));
      await files.write(name, text);
    },
  };
  // Of thirty days five are left, as far as this one knows.
  const clock = { ...wallClock, now: () => instant(Date.now() + 25 * 24 * 60 * 60 * 1_000) };
  await site.agent(directory, { clock, identityFiles: slow });
  await vi.waitFor(() => expect(site.log).toContain('the certificate was renewed'), waiting);
  expect(await renewals()).toBe(1);
  // The gateway knows the one that was kept.
  await site.restart();
  await untilConnected();
});
