import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { diskId, sentinelId } from '#core/ids';
import { ok, type Result } from '#core/result';
import { millis } from '#core/units';
import { installationAt } from '#replicator/sentinel/agent/installed-agent';
import { startGuestSite, type GuestSite } from '#test/support/small-guest';
import { valueOf } from '#test/support/value-of';
import { guestAgentOf } from './guests.ts';

const web01 = sentinelId('web01');

let site: GuestSite;
beforeEach(async () => {
  site = await startGuestSite();
});
afterEach(() => site.close());

const untilState = (state: string) =>
  vi.waitFor(() => expect(site.guests.list().find(({ id }) => id === web01)?.state).toBe(state), {
    timeout: 10_000,
    interval: 10,
  });
async function facts(): Promise<readonly string[]> {
  const log = valueOf(await openSqliteEventLog({ path: join(site.folder, 'state', 'sentinels.db'), mode: 'readOnly' }));
  const told: string[] = [];
  for await (const { type } of log.readStream(`sentinel-${web01}`)) told.push(type);
  await log.close();
  return told;
}

describe('a sentinel', () => {
  it('that never answers whether it goes is waited for, and then its going is not confirmed, and nothing else is', async () => {
    await site.restart({ patience: millis(200) });
    const asked: string[] = [];
    let end = async (): Promise<void> => undefined;
    const installation = {
      ...installationAt({ program: undefined, script: undefined }),
      uninstall: async (): Promise<Result<void, never>> => {
        asked.push('uninstall');
        await end();
        return new Promise(() => undefined);
      },
    };
    const directory = await site.unpack(await site.invite('web01'));
    const agent = await site.agent(directory, { installation });
    end = () => agent.stop('it is taken off');
    await untilState('enrolled.connected');
    const guest = guestAgentOf(site.guests, web01);
    const unknown = await guest.uninstall();
    expect(unknown).toMatchObject({ error: { type: 'Unreachable', operation: 'uninstall' } });
    await untilState('enrolled.away');
    // Nobody waits for anything else of it, and asks of a guest that may be gone are not taken for done.
    expect(await guest.resume()).toMatchObject({ error: { type: 'Unreachable' } });
    for (const _ of [1, 2])
      expect(valueOf(await guest.uninstall())).toMatchObject({
        unconfirmed: expect.stringContaining('whether it is off its guest is not known'),
      });
    expect(await facts()).toEqual([
      ...['BundleMade', 'SentinelEnrolled', 'SentinelConnected'],
      ...['UninstallRequested', 'SentinelLost', 'UninstallUnconfirmed'],
    ]);
    // It comes after all: it was not taken off, and can be asked again.
    const again = installationAt({ program: undefined, script: undefined });
    await site.agent(directory, { installation: { ...again, uninstall: async () => ok(undefined) } });
    await untilState('enrolled.connected');
    expect(await guest.uninstall()).toEqual(ok(undefined));
    await untilState('uninstalled');
    expect(asked).toHaveLength(1);
  });

  it('that is not connected is not waited for by a gateway that is closed', async () => {
    await site.invite('web01');
    const guest = guestAgentOf(site.guests, web01);
    const disk = site.guests.openDisk({ type: 'sentinel', sentinel: web01, disk: diskId('vda') });
    const asked = guest.closeDisks();
    await site.guests.close();
    expect(await asked).toMatchObject({ error: { type: 'Unreachable', operation: 'closeDisks' } });
    expect(await disk).toMatchObject({ error: { type: 'DiskUnavailable' } });
    await site.restart();
  });
});
