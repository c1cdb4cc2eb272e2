import type { Check } from '#core/migration/facts';
import { formatPlural } from '#core/text/format';

/** Checks by what they said, each group in the order in which they were made. */
export interface CheckGroups {
  readonly failed: readonly Check[];
  readonly warning: readonly Check[];
  readonly passed: readonly Check[];
  /** `1 failed, 2 warnings, 9 passed`. */
  readonly summary: string;
}

/** Groups checks by verdict. A group may be empty. */
export function checkGroups(checks: readonly Check[]): CheckGroups {
  const of = (verdict: Check['verdict']): readonly Check[] => checks.filter((check) => check.verdict === verdict);
  const [failed, warning, passed] = [of('failed'), of('warning'), of('passed')];
  const parts = [
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(warning.length > 0 ? [formatPlural(warning.length, 'warning')] : []),
    ...(passed.length > 0 ? [`${passed.length} passed`] : []),
  ];
  return { failed, warning, passed, summary: parts.length === 0 ? 'nothing was checked' : parts.join(', ') };
}
