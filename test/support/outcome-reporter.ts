import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { outcomeVariable, type Outcome, type SkippedTest } from './outcome.ts';
import { needsIn } from './programs.ts';

/** Writes the `Outcome` of a run to the file that `npm test` names. Without one it does nothing. */
export function outcomeReporter(): Reporter {
  return {
    onTestRunEnd(modules, unhandled) {
      const file = process.env[outcomeVariable];
      if (file !== undefined) writeFileSync(file, JSON.stringify(outcomeOf(modules, unhandled.length)));
    },
  };
}

function outcomeOf(modules: readonly TestModule[], unhandled: number): Outcome {
  let passed = 0;
  let failed = unhandled;
  const skipped: SkippedTest[] = [];
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') passed += 1;
      else if (result.state === 'failed') failed += 1;
      else {
        const note = result.state === 'skipped' ? (result.note ?? '') : '';
        skipped.push({
          name: `${module.relativeModuleId} > ${test.fullName}`,
          needs: needsIn(`${test.fullName} ${note}`),
        });
      }
    }
  }
  return { passed, failed, skipped };
}
