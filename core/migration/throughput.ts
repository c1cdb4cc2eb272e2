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
      return advance(series, { round: fact.data.round, sent: fact.data.sent, at });
    case 'RoundCompleted':
    case 'FinalSyncCompleted': {
      const { round, sent, duration } = fact.data;
      // A short round reports nothing on its way; when it began is in its own report.
      const began = Math.max(0, at - duration) as Instant;
      const silent = series.mark?.round !== round || series.mark.sent === 0;
      const known = silent ? { ...series, mark: { round, sent: bytes(0), at: began } } : series;
      return { ...advance(known, { round, sent, at }), mark: { round: round + 1, sent: bytes(0), at } };
    }
    case 'ReplicationInitiated':
      return { ...series, mark: { round: 0, sent: bytes(0), at } };
    case 'ReplicationResumed':
    case 'DeadlinePassed':
    case 'SourceQuiesced':
      // Nothing crossed while it rested: the next bytes count from here.
      return series.mark ? { ...series, mark: { ...series.mark, at } } : series;
    default:
      return series;
  }
}

function advance(series: Throughput, mark: NonNullable<Throughput['mark']>): Throughput {
  const last = series.mark?.round === mark.round ? series.mark : null;
  // A round that was interrupted counts anew from what is durable; what is behind the mark was counted before.
  const sent = bytes(Math.max(0, mark.sent - (last?.sent ?? 0)));
  const from = last?.at ?? mark.at;
  return elapsed(from, mark.at) === 0 && sent === 0
    ? { ...series, mark }
    : { ...add(series, { from, to: mark.at, sent }), mark };
}

function add({ spans, grain, mark }: Throughput, span: ThroughputSpan): Throughput {
  const last = spans.at(-1);
  const joins = last !== undefined && span.from - last.to < grain && last.to - last.from < grain;
  const grown = joins ? [...spans.slice(0, -1), join(last, span)] : [...spans, span];
  return grown.length <= spansMax ? { spans: grown, grain, mark } : { spans: halve(grown), grain: grain * 2, mark };
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
