import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import { instant } from '#core/units';
import { samplePlan } from '#test/support/migration-facts';
import { addDiffCommand } from './diff-command.ts';

type Steps = readonly (readonly [afterMs: number, fact: MigrationFact])[];

const drafted = (vm: string): MigrationFact => ({
  type: 'MigrationDrafted',
  data: { plan: samplePlan({ vm: { name: vm, platform: 'kvm', guest: 'linux' } }) },
});
const asked: MigrationFact = { type: 'VerificationRequested', data: {} };
const passed: MigrationFact = { type: 'VerificationPassed', data: { checks: [] } };
const failed: MigrationFact = {
  type: 'VerificationFailed',
  data: { checks: [{ id: 'network', verdict: 'failed', message: 'link wan is too slow', remedy: '' }] },
};
const verified = (vm: string, tookMs: number, end: MigrationFact = passed): Steps => [
  [0, drafted(vm)],
  [10, asked],
  [tookMs, end],
];

async function logOf(migrations: Readonly<Record<string, Steps>>): Promise<EventLog> {
  const log = inMemoryEventLog();
  for (const [id, steps] of Object.entries(migrations)) {
    const stream: StreamId = `migration-${id}`;
    let at = 1_000_000;
    const facts = steps.map(([afterMs, { type, data }], i) => ({
      ...{ id: factId(`${id}.${i}`), type, data },
      metadata: {
        ...{ time: instant((at += afterMs)), actor: 'driver', correlationId: id, schemaVersion: 2 },
        model: { id: 'migration', version: '1' },
      },
    }));
    if (facts.length > 0) await log.append(stream, facts, 'none');
  }
  return log;
}

/** Runs `sealift diff first.db second.db` with more arguments. */
async function diff(
  [first, second]: readonly [Readonly<Record<string, Steps>>, Readonly<Record<string, Steps>>],
  ...args: readonly string[]
): Promise<{ readonly status: ExitStatus | undefined; readonly said: readonly string[] }> {
  const said: string[] = [];
  let status: ExitStatus | undefined;
  const logs: Readonly<Record<string, EventLog>> = { 'first.db': await logOf(first), 'second.db': await logOf(second) };
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addDiffCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 80, live: () => undefined },
      print: (line) => said.push(line),
      note: (line) => said.push(line),
    },
    openLog: async (path) => logs[path] ?? inMemoryEventLog(),
    setStatus: (ended) => (status = ended),
  });
  program.commands.forEach((command) => command.exitOverride().configureOutput({ writeErr: () => undefined }));
  await program.parseAsync(['diff', 'first.db', 'second.db', ...args], { from: 'user' });
  return { status, said };
}

describe('sealift diff', () => {
  it('ends well for runs that did the same within the tolerance, and says so', async () => {
    const runs = [{ web: verified('web', 1_000) }, { web: verified('web', 950) }] as const;
    const { status, said } = await diff(runs);
    expect(status).toBe(exitStatus.done);
    expect(said).toContain('Both did the same, in the same order.');
    expect((await diff(runs, '--tolerance', '1 %')).status).toBe(exitStatus.different);
  });

  it('tells on 80 columns where VMs parted, what took longer, and the error of the forecast', async () => {
    const { status, said } = await diff([
      { web: verified('web', 90_000), db: verified('db', 4_000), old: verified('old', 1) },
      { web: verified('web', 60_000, failed), db: verified('db', 5_000, failed), new: verified('new', 1) },
    ]);
    expect(status).toBe(exitStatus.different);
    expect(said).toMatchInlineSnapshot(`
      [
        "first   first.db",
        "second  second.db",
        "2 VMs in both; only in the first: old; only in the second: new",
        "",
        "First divergence: db, after "Verification asked for"",
        "  first   +00:00:04  Verification passed",
        "            nothing was checked",
        "  second  +00:00:05  Verification failed",
        "            1 of 1 check did not pass: link wan is too slow",
        "  1 more VM did not do the same:",
        "    web, after "Verification asked for":",
        "      verification passed / verification failed",
        "",
        "Largest differences     first    second  difference",
        "  web  verification  1 m 30 s  1 m 00 s     +30.0 s  +50 %",
        "  db   verification     4.0 s     5.0 s      -1.0 s  -20 %",
        "",
        "VMs                   first    second  difference",
        "  web  total time  1 m 30 s  1 m 00 s     +30.0 s  +50 %  ready, blocked",
        "       downtime        0 ms      0 ms        0 ms    0 %",
        "  db   total time     4.0 s     5.0 s      -1.0 s  -20 %  ready, blocked",
        "       downtime        0 ms      0 ms        0 ms    0 %",
        "",
        "The first as a forecast of the second (per cent of the second):",
        "  total time  mean error 35 %, bias +15 %, over 2 VMs",
        "  downtime    nothing to compare: no VM of the second run had any",
      ]
    `);
    expect(said.filter((line) => line.length > 80)).toEqual([]);
  });

  it('gives all of it as one JSON document', async () => {
    const { said } = await diff([{ a: verified('a', 3_000) }, { b: verified('b', 2_000) }], '--json');
    expect(said).toHaveLength(1);
    expect(JSON.parse(said[0] ?? '')).toMatchObject({
      pairs: [{ vm: 'a / b', migrations: ['a', 'b'] }],
      differences: [{ kind: 'verify', duration: { first: 3_000, second: 2_000, difference: 1_000, relative: 0.5 } }],
      same: false,
    });
  });

  it('compares one migration, or such as are named as a pair', async () => {
    const two = { a: verified('a', 1_000), b: verified('b', 2_000) };
    const other = { c: verified('c', 2_000), d: verified('d', 1_000) };
    expect((await diff([two, { ...two, b: verified('b', 9_000) }], '--only', 'a')).status).toBe(exitStatus.done);
    expect((await diff([two, other])).said.at(-1)).toContain('say which belong together with --pair');
    expect((await diff([two, other], '--pair', 'a=d', '--pair', 'b=c')).status).toBe(exitStatus.done);
    expect((await diff([two, other], '--pair', 'a=d', '--only', 'a')).status).toBe(exitStatus.done);
  });

  it('says what is wrong with what it was given, and what there is', async () => {
    const runs = [{ web: verified('web', 1) }, { web: verified('web', 1) }] as const;
    await expect(diff(runs, '--only', 'wbe')).rejects.toThrow(
      new Refused('there is no migration wbe in first.db or second.db; did you mean web?'),
    );
    await expect(diff(runs, '--pair', 'web=zz')).rejects.toThrow(/no migration zz in second.db; there are web/);
    await expect(diff([runs[0], {}])).rejects.toThrow(/there is no migration in second.db; give the log of a run/);
    for (const wrong of [
      ['--pair', 'web'],
      ['--tolerance', '5'],
      ['--top', '0'],
    ])
      await expect(diff(runs, ...wrong)).rejects.toThrow(CommanderError);
  });
});
