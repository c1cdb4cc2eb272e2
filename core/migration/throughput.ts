import { bytes, elapsed, type Bytes, type Instant } from '#core/units';
import type { MigrationFact } from './facts.ts';

/** What crossed between two moments. */
export interface ThroughputSpan {
  readonly from: Instant;
  readonly to: Instant;
  readonly sent: Bytes;
}

/** What crossed over a whole migration, in spans that grow as it does: never more than `spansMax` of them. */
export interface Throughput {
  readonly spans: readonly ThroughputSpan[];
  /** No span is shorter, except the last. Doubles whenever there are too many. */
  readonly grain: number;
  /** Where the present round is: what it has sent, and since when that is known. */
  readonly mark: { readonly round: number; readonly sent: Bytes; readonly at: Instant } | null;
}

/** More than a chart has pixels for, few enough to keep one series per migration of a large fleet. */
export const spansMax = 240;

const grainFirst = 1_000;

/** The series before the first fact. */
export const noThroughput: Throughput = { spans: [], grain: grainFirst, mark: null };

/** Folds one fact in. Only what replication reports counts; other facts at most begin a round. */
export function foldThroughput(series: Throughput, fact: MigrationFact, at: Instant): Throughput {
  switch (fact.type) {
    case 'RoundProgressed':
      return report(series, { round: fact.data.round, sent: fact.data.sent, at });
    case 'RoundCompleted':
    case 'FinalSyncCompleted': {
      const { round, sent, duration } = fact.data;
      // A short round reports nothing on its way; when it began is in its own report.
      const began = Math.max(0, at - duration) as Instant;
      const isSilent = series.mark?.round !== round || series.mark.sent === 0;
      const since = isSilent ? { round, sent: bytes(0), at: began } : series.mark;
      return advance(series, since, { round, sent, at }, { round: round + 1, sent: bytes(0), at });
    }
    case 'ReplicationInitiated':
      return marked(series, { round: 0, sent: bytes(0), at });
    case 'ReplicationResumed':
    case 'DeadlinePassed':
    case 'SourceQuiesced':
      // Nothing crossed while it rested: the next bytes count from here.
      return series.mark ? marked(series, { round: series.mark.round, sent: series.mark.sent, at }) : series;
    default:
      return series;
  }
}

type Mark = NonNullable<Throughput['mark']>;

const marked = ({ spans, grain }: Throughput, mark: Mark): Throughput => ({ spans, grain, mark });

function report(series: Throughput, mark: Mark): Throughput {
  const since = series.mark?.round === mark.round ? series.mark : null;
  return advance(series, since, mark, mark);
}

/** Adds what crossed between two marks of one round, and goes on from `next`. */
function advance({ spans, grain }: Throughput, since: Mark | null, mark: Mark, next: Mark): Throughput {
  // A round that was interrupted counts anew from what is durable; what is behind the mark was counted before.
  const sent = bytes(Math.max(0, mark.sent - (since?.sent ?? 0)));
  const from = since?.at ?? mark.at;
  if (elapsed(from, mark.at) === 0 && sent === 0) return { spans, grain, mark: next };
  const grown = withSpan(spans, grain, { from, to: mark.at, sent });
  return grown.length <= spansMax
    ? { spans: grown, grain, mark: next }
    : { spans: halve(grown), grain: grain * 2, mark: next };
}

function withSpan(before: readonly ThroughputSpan[], grain: number, span: ThroughputSpan): readonly ThroughputSpan[] {
  const spans = before.slice();
  const last = spans.at(-1);
  const joins = last !== undefined && span.from - last.to < grain && last.to - last.from < grain;
  if (joins) spans[spans.length - 1] = join(last, span);
  else spans.push(span);
  return spans;
}

const join = (a: ThroughputSpan, b: ThroughputSpan): ThroughputSpan => ({
  from: a.from,
  to: b.to > a.to ? b.to : a.to,
  sent: bytes(a.sent + b.sent),
});

// Neighbours that touch become one. Where nothing touches, a gap has to be given up to keep the bound.
function halve(spans: readonly ThroughputSpan[]): readonly ThroughputSpan[] {
  const halved: ThroughputSpan[] = [];
  for (let at = 0; at < spans.length; at += 2) {
    const [a, b] = [spans[at], spans[at + 1]];
    if (a) halved.push(b ? join(a, b) : a);
  }
  return halved;
}
