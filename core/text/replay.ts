import { categoryOf, type RecordedFact } from '#core/event-log/event-log';
import type { Instant } from '#core/units';
import { formatDuration, formatPlural, formatTime } from './format.ts';
import { plainLine } from './plain-text.ts';
import type { Terminal } from './terminal.ts';
import { timelineLine } from './timeline.ts';
import type { Severity } from './fact-text.ts';

/** What of a run is told, and how. */
export interface ReplayOptions {
  /** One JSON document per fact, as the log holds it, instead of a line for a person. */
  readonly json: boolean;
  /** Also the notes that only say how far something is, and what the driver wrote for itself. */
  readonly all: boolean;
  /** Only this migration, wave or sentinel. */
  readonly only?: string;
}

const marks: Readonly<Record<Severity, string>> = { note: ' ', step: '·', success: '+', warning: '!', failure: 'x' };

/** Tells a run, or the sentinels of a gateway, from its log alone. Returns how many facts there were. */
export async function tellRun(
  facts: AsyncIterable<RecordedFact>,
  terminal: Terminal,
  { json, all, only }: ReplayOptions,
): Promise<number> {
  let start: Instant | undefined;
  let last: Instant | undefined;
  let count = 0;
  let told = 0;
  for await (const fact of facts) {
    start ??= fact.metadata.time;
    last = fact.metadata.time;
    count += 1;
    const line = timelineLine(fact, start);
    if (only !== undefined && line.subject !== only) continue;
    if (json) terminal.print(JSON.stringify(fact));
    else if (count === 1) terminal.print(`${headOf(fact)} ${formatTime(start)}`);
    if (json || (!all && line.severity === 'note')) continue;
    told += 1;
    // Hostnames, consoles and reasons are of machines that nobody vouches for.
    for (const text of layOut(line, terminal.width)) for (const row of text.split('\n')) terminal.print(plainLine(row));
  }
  if (!json && start !== undefined && last !== undefined)
    terminal.print(
      `${formatPlural(count, 'fact')} over ${formatDuration(last - start)}, ${formatPlural(told, 'line')} told${all ? '' : '; --all tells every fact'}`,
    );
  return count;
}

const headOf = ({ stream }: RecordedFact): string =>
  categoryOf(stream) === 'sentinel' ? 'Sentinels of a gateway, since' : 'Run of';

function layOut(line: ReturnType<typeof timelineLine>, width: number): readonly string[] {
  const head = `${line.offset} ${marks[line.severity]} ${line.subject.padEnd(12)} ${line.title}`;
  if (line.detail === '') return [head];
  const whole = `${head}: ${line.detail}`;
  // In a narrow terminal the detail gets a line of its own; it is never cut, since it may be the reason.
  return whole.length <= width ? [whole] : [head, `${' '.repeat(line.offset.length + 3)}${line.detail}`];
}
