import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import type { EventLog } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { exitStatus } from '#core/text/exit-status';
import { loadScenario } from '#scenarios/load';
import { rehearse } from '#scenarios/run';
import { instant } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { addForecastCommand } from './forecast-command.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const clock: Clock = { now: () => instant(0), wait: () => Promise.resolve() };

/** Asks for a forecast of a log; what it printed and how it ended. */
async function asked(log: EventLog, ...words: readonly string[]) {
  const printed: string[] = [];
  let status: number | undefined;
  const terminal = {
    ...{ isInteractive: false, width: 80, note: () => undefined, live: () => undefined },
    print: (line: string) => void printed.push(line),
  };
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addForecastCommand(program, {
    ...{ terminal, clock, turn, interrupts: () => new AbortController().signal },
    readLog: () => Promise.resolve(log),
    setStatus: (ending) => (status = ending),
  });
  await program.parseAsync(['forecast', 'run.db', ...words], { from: 'user' });
  return { printed, status };
}

/** A log of a rehearsed pair: whole, or its first facts. */
async function logOf(count = Infinity): Promise<EventLog> {
  const loaded = loadScenario(
    `{ kind: rehearsal, id: pair, title: Two, why: Few, estate: { generate: { vms: 2, diskSize: 20 GiB } },
       wave: { id: pair, window: { opens: 5 min, closes: 3 h } }, plan: { approval: given } }`,
    'pair.yaml',
  );
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error('not a rehearsal');
  const [whole, part] = [inMemoryEventLog(), inMemoryEventLog()];
  await rehearse({ scenario: loaded.value, log: whole, clock: virtualClock({ turn, start: loaded.value.starts }) });
  let copied = 0;
  for await (const { stream, ...fact } of whole.readAll()) {
    if (copied === count) break;
    copied += 1;
    await part.append(stream, [fact], 'any');
  }
  return part;
}

describe('sealift forecast', () => {
  it('says the same twice of a run that is under way, as one JSON document', async () => {
    const { printed, status } = await asked(await logOf(20), '--seeds', '3', '--json');
    expect(status).toBe(exitStatus.done);
    expect(printed).toHaveLength(1);
    const told = JSON.parse(printed[0] ?? '') as { readonly seeds: number; readonly left: readonly string[] };
    expect([told.seeds, told.left.length]).toEqual([3, 2]);
    expect((await asked(await logOf(20), '--seeds', '3', '--json')).printed).toEqual(printed);
  });

  it('says that nothing is left of a run that is over', async () => {
    const { printed, status } = await asked(await logOf());
    expect(status).toBe(exitStatus.done);
    expect(printed.at(-1)).toBe('nothing is left to forecast: of 2 migrations 2 moved');
  });

  it('refuses an empty log, a moment before its end, and words that make no sense', async () => {
    await expect(asked(inMemoryEventLog())).rejects.toThrow('the log run.db is empty');
    await expect(asked(await logOf(20), '--now', '2020-01-01T00:00:00Z')).rejects.toThrow('before the last fact');
    await expect(asked(await logOf(20), '--approve-after', '3')).rejects.toThrow('a duration such as');
  });
});
