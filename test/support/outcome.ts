/** How one run of the tests ended, handed from the reporter inside vitest to the command around it. */
export interface Outcome {
  readonly passed: number;
  /** Tests, files that did not load, hooks and stray rejections. */
  readonly failed: number;
  readonly skipped: readonly SkippedTest[];
}

/** A test that did not run, and the needs its name (or its note) gives as the reason. */
export interface SkippedTest {
  readonly name: string;
  readonly needs: readonly string[];
}

/** The variable that tells the reporter where to write the `Outcome`, as JSON. */
export const outcomeVariable = 'SEALIFT_TEST_OUTCOME';
