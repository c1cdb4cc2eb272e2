import { formatDuration, formatPlural } from '#core/text/format';
import { elapsed, type Instant } from '#core/units';
import type { Breach } from './judge.ts';
import type { Law } from './law.ts';

/** What a log breaks, for a person: each law with its statement, and where it is broken, counted from when the log began. */
export function breachLines(laws: readonly Law[], breaches: readonly Breach[], began: Instant): readonly string[] {
  return laws.flatMap(({ id, slug, statement }) => {
    const own = breaches.filter(({ law }) => law === id);
    if (own.length === 0) return [];
    return [
      `${id} ${slug} is broken in ${formatPlural(own.length, 'stream')}: ${statement}`,
      ...own.map(({ stream, fact, at, why }) => {
        const where = fact
          ? `fact ${fact.revision}, ${fact.type}, after ${formatDuration(elapsed(began, at))}`
          : 'at the end';
        return `  ${stream}, ${where}: ${why}`;
      }),
    ];
  });
}
