import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchOldestNode, installPrograms, mayInstall } from './install.ts';
import { outcomeVariable, type Outcome } from './outcome.ts';
import { runSeed } from './run-seed.ts';
import { summarize } from './summary.ts';

/**
 * `npm test`, the one command: programs (in CI), checks, build, tests, and what was skipped. Arguments go to vitest,
 * and then only the tests they name are run, without the checks: `npm test -- core/driver`.
 *
 * A failed check or build counts as one failure, and the tests run all the same, so that one run shows everything.
 */
const filters = process.argv.slice(2);
const inCi = process.env['CI'] === 'true';
const seed = runSeed(process.env);

const fetched = mkdtempSync(join(tmpdir(), 'sealift-fetched-'));
if (mayInstall(process.env)) {
  await installPrograms().catch(goOnWithout);
  try {
    process.env['NODE18'] ??= fetchOldestNode(fetched);
  } catch (error) {
    goOnWithout(error);
  }
}
const steps = filters.length === 0 ? ['check', 'build'] : [];
const red = steps.filter((step) => !runs('npm', ['run', '--silent', step]));

console.log(`seed ${seed} (repeat with SEED=${seed} npm test)`);
const outcome = runTests();
rmSync(fetched, { recursive: true });
const { lines, passed } = summarize({ ...outcome, failed: outcome.failed + red.length }, { inCi, red });
for (const line of lines) console.log(line);
process.exitCode = passed ? 0 : 1;

/** What could not be installed shows as a skip, and in CI a skip is red: so the rest may run and be seen. */
function goOnWithout(error: unknown): void {
  console.error(`not everything could be installed: ${error instanceof Error ? error.message : String(error)}`);
}

function runs(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): boolean {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: environment });
  if (error !== undefined) console.error(`${program} could not be started: ${error.message}`);
  return status === 0;
}

/** Runs vitest in a process of its own. Whatever it did not report is a failure. */
function runTests(): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'sealift-test-'));
  const file = join(folder, 'outcome.json');
  try {
    const green = runs('npx', ['vitest', 'run', ...filters], {
      ...process.env,
      SEED: String(seed),
      [outcomeVariable]: file,
    });
    if (!existsSync(file)) return { passed: 0, failed: 1, skipped: [] };
    const reported = JSON.parse(readFileSync(file, 'utf8')) as Outcome;
    return green || reported.failed > 0 ? reported : { ...reported, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
