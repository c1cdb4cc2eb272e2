import type { Check } from '#core/migration/facts';

/** What a replica has to say of itself once it has booted. */
export interface StageReport {
  readonly stage: 'test' | 'target';
  readonly migration: string;
  readonly checks: readonly Check[];
  readonly booted: true;
}

/** What a report says of a check that will be made once there is a network. */
export const waitsForNetwork = 'waits for a network';

/** How the line on the console begins. */
export const reportMark = 'SEALIFT-REPORT';

/** A console takes lines of so many bytes without tearing them. */
const reportMax = 3000;

/**
 * The report as one line of plain ASCII, at most `reportMax` bytes of JSON: a console may be set to any code page. Texts
 * are cut to make it fit, those of checks that passed first; ids and verdicts never are, unless there are too many.
 */
export function reportLine(report: StageReport): string {
  for (const [passed, other] of [
    [200, 400],
    [0, 200],
    [0, 60],
    [0, 0],
  ] as const) {
    const checks = report.checks.map((check) => {
      const length = check.verdict === 'passed' ? passed : other;
      return { ...check, message: check.message.slice(0, length), remedy: check.remedy.slice(0, length) };
    });
    const json = asAscii({ ...report, checks });
    if (json.length <= reportMax) return `${reportMark} ${json}`;
  }
  // Hundreds of checks: those that failed are what somebody has to know, and how many there were.
  const failed = report.checks.filter(({ verdict }) => verdict === 'failed').map(({ id }) => id);
  const summary: Check = {
    ...{ id: 'checks', verdict: failed.length > 0 ? 'failed' : 'passed' },
    message: `${report.checks.length} checks, ${failed.length} failed: ${failed.join(' ')}`.slice(0, 2000),
    remedy: failed.length > 0 ? 'look at the journal of the sentinel in the guest' : '',
  };
  return `${reportMark} ${asAscii({ ...report, checks: [summary] })}`;
}

const asAscii = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
