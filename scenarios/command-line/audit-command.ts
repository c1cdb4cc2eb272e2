import { Option, type Command } from 'commander';
import type { EventLog } from '#core/event-log/event-log';
import type { Breach } from '#core/laws/judge';
import { exitStatus } from '#core/text/exit-status';
import { formatPlural } from '#core/text/format';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import { instant, type Instant } from '#core/units';
import type { DiffSite } from './diff-command.ts';

interface Arguments {
  readonly over?: boolean;
  readonly list?: true;
  readonly json?: boolean;
}

/** Adds `sealift audit`. */
export function addAuditCommand(program: Command, { terminal, openLog, setStatus }: DiffSite): void {
  program
    .command('audit')
    .description('hold the log of a run against what every log must satisfy')
    .command('laws')
    .description('judge a log by the laws: what must hold whatever happened, and where it does not')
    .argument('[log]', 'the SQLite file of a run, real or rehearsed')
    .option('--over', 'nobody goes on with this run: also judge what should have happened and did not')
    .option('--list', 'list the laws, with what happened to users of systems without them')
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .addHelpText('after', `\nEnds with 0 if every law holds, and with ${exitStatus.lawBroken} if one is broken.`)
    .action(async (path: string | undefined, { over = false, list, json = false }: Arguments) => {
      if (list) {
        if (path !== undefined) throw new Refused('--list takes no log; leave one of them out');
        return listLaws(terminal, json);
      }
      if (path === undefined) throw new Refused('say which log to judge, or list the laws with --list');
      const log = await openLog(path);
      try {
        const verdict = await judge(log, over);
        if (verdict.facts === 0)
          throw new Refused(`there is no migration in ${path}; give the log of a run in which something was migrated`);
        await tell(terminal, verdict, json);
        setStatus(verdict.breaches.length === 0 ? exitStatus.done : exitStatus.lawBroken);
      } finally {
        await log.close();
      }
    });
}

async function listLaws(terminal: Terminal, json: boolean): Promise<void> {
  const { laws } = await import('#core/laws/laws');
  const listed = laws.map(({ id, slug, statement, incident }) => ({ id, slug, statement, incident }));
  if (json) return terminal.print(JSON.stringify(listed));
  for (const { id, slug, statement, incident } of listed) {
    terminal.print(`${id} ${slug}: ${statement}`);
    terminal.print(`    Without it: ${incident}.`);
  }
}

interface Verdict {
  readonly laws: number;
  readonly facts: number;
  readonly streams: number;
  readonly isOver: boolean;
  /** When its first fact happened. */
  readonly began: Instant;
  readonly breaches: readonly Breach[];
}

async function judge(log: EventLog, isOver: boolean): Promise<Verdict> {
  const { laws } = await import('#core/laws/laws');
  const { court, entryOf } = await import('#core/laws/judge');
  const sitting = court(laws);
  const breaches: Breach[] = [];
  const streams = new Set<string>();
  let facts = 0;
  let began = instant(0);
  for await (const recorded of log.readAll()) {
    // Sentinels have streams of their own, of which no law speaks yet.
    if (!/^(migration|wave)-/.test(recorded.stream)) continue;
    if (facts === 0) began = recorded.metadata.time;
    facts += 1;
    streams.add(recorded.stream);
    breaches.push(...sitting.take(entryOf(recorded)));
  }
  breaches.push(...sitting.end(isOver));
  return { laws: laws.length, facts, streams: streams.size, isOver, began, breaches };
}

async function tell(terminal: Terminal, verdict: Verdict, json: boolean): Promise<void> {
  if (json) return terminal.print(JSON.stringify(verdict));
  const { laws } = await import('#core/laws/laws');
  const { breachLines } = await import('#core/laws/breach-text');
  const { breaches, facts, streams, began } = verdict;
  for (const line of breachLines(laws, breaches, began)) terminal.print(line);
  const said = `${formatPlural(verdict.laws, 'law')}, ${formatPlural(facts, 'fact')} in ${formatPlural(streams, 'stream')}`;
  terminal.print(
    breaches.length === 0
      ? `Every law holds: ${said}`
      : `${formatPlural(breaches.length, 'breach', 'breaches')}: ${said}`,
  );
}
