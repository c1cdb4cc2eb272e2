import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { entriesOf, goodMigration, line, toParked, type Line } from '#test/support/law-logs';
import { addAuditCommand } from './audit-command.ts';

async function logOf(lines: readonly Line[]): Promise<EventLog> {
  const log = inMemoryEventLog();
  for (const [at, { stream, fact, at: time, actor }] of entriesOf(lines).entries()) {
    const metadata = { time, actor, correlationId: 'w', schemaVersion: 2, model: { id: 'migration', version: '1' } };
    await log.append(stream, [{ id: factId(`f.${at}`), ...fact, metadata }], 'any');
  }
  return log;
}

async function audit(lines: readonly Line[], ...args: readonly string[]) {
  const said: string[] = [];
  let status: ExitStatus | undefined;
  const log = await logOf(lines);
  const program = new Command('sealift').exitOverride();
  addAuditCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 80, live: () => undefined },
      print: (text) => said.push(text),
      note: (text) => said.push(text),
    },
    openLog: async () => log,
    setStatus: (ended) => (status = ended),
  });
  for (const each of [...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
    each.exitOverride().configureOutput({ writeErr: () => undefined });
  await program.parseAsync(['audit', 'laws', ...args], { from: 'user' });
  return { status, said };
}

describe('sealift audit laws', () => {
  it('says that every law holds, and what was judged', async () => {
    expect(await audit(goodMigration, 'run.db', '--over')).toEqual({
      status: exitStatus.done,
      said: [`Every law holds: 24 laws, ${goodMigration.length} facts in 1 stream`],
    });
  });

  it('names the law, the fact that broke it and when, and ends with a status of its own', async () => {
    const { status, said } = await audit([...toParked(), line('CutoverStarted')], 'run.db');
    expect(status).toBe(exitStatus.lawBroken);
    expect(said).toEqual([
      'L23 approved-cutovers is broken in 1 stream: No approval, no cutover; the approver is not the requester where the policy says so; no required test and no failed validation is passed over.',
      '  migration-web-01, fact 8, CutoverStarted, after 8.0 s: a cutover was started that nobody approved',
      '1 breach: 24 laws, 9 facts in 1 stream',
    ]);
  });

  it('judges what did not happen only of a run that is over', async () => {
    const lines = [...toParked(), line('CutoverApproved', { by: 'grace' }), line('CutoverStarted')];
    expect((await audit(lines, 'run.db')).status).toBe(exitStatus.done);
    const { said } = await audit(lines, 'run.db', '--over', '--json');
    const { breaches } = JSON.parse(said.join('')) as { readonly breaches: readonly { readonly law: string }[] };
    expect(breaches.map(({ law }) => law)).toEqual(['L9', 'L19']);
  });

  it('lists the laws with what happened without them', async () => {
    const { said } = await audit([], '--list');
    expect(said).toHaveLength(48);
    expect(said[0]).toContain('L1 replica-kept: ');
    expect(said[1]).toContain('Without it: a copy of 3.10 TiB');
  });

  it.each([
    [[], 'say which log to judge'],
    [['run.db', '--list'], 'leave one of them out'],
    [['run.db'], 'there is no migration in run.db'],
  ])('refuses %j', async (args, why) => {
    await expect(audit([], ...args)).rejects.toThrow(why);
  });

  it('knows its options', async () => {
    await expect(audit([], 'run.db', '--nope')).rejects.toBeInstanceOf(CommanderError);
  });
});
