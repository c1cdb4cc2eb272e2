import { spawn } from 'node:child_process';

/**
 * Runs every check at once and prints what each that failed had to say: `npm run check`. All of them run even when one
 * is red, so that one look shows everything there is to do.
 */
const checks = ['check:types', 'check:lint', 'check:imports', 'check:dead', 'check:format'] as const;

interface Outcome {
  readonly check: string;
  readonly passed: boolean;
  readonly output: string;
}

const run = (check: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', check], { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const finish = (passed: boolean, more = ''): void =>
      resolve({ check, passed, output: Buffer.concat(chunks).toString() + more });
    child.on('error', (error) => finish(false, error.message));
    child.on('close', (status) => finish(status === 0));
  });

const outcomes = await Promise.all(checks.map(run));
for (const { check, passed, output } of outcomes) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${check}`);
  if (!passed) console.log(output);
}
const red = outcomes.filter(({ passed }) => !passed).map(({ check }) => check);
if (red.length > 0) {
  console.log(`red: ${red.join(', ')} (run one alone with "npm run <name>"; "npm run format" repairs the format)`);
  process.exitCode = 1;
}
