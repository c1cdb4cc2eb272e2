import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';

/** A guestfish that is asked and answers. */
export interface Conversation {
  /** What a command printed, or what it said when it failed. */
  run(...words: readonly [string, ...string[]]): Promise<Result<string, FixUpError>>;
  /** The same of many, which are all sent before the first answer is waited for. */
  runAll(commands: readonly (readonly string[])[]): Promise<readonly Result<string, FixUpError>[]>;
  /** Says that nothing more will be asked, and waits until it has ended. */
  end(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** One batch of commands on its way. */
interface Question {
  readonly commands: readonly (readonly string[])[];
  /** guestfish counts the lines it was given, and names them in errors. */
  readonly firstLine: number;
  readonly mark: string;
  readonly resolve: (answers: Answers) => void;
}
type Answers = readonly Result<string, FixUpError>[];

const remedy = 'sudo apt-get install --yes --no-install-recommends libguestfs-tools linux-image-amd64';
const linesPerCommand = 2;

/** Starts guestfish without a disk. That it could not be started is what every command then answers. */
export function startConversation(signal: AbortSignal | undefined, env: NodeJS.ProcessEnv): Conversation {
  const child = spawn('guestfish', [], { stdio: 'pipe', env });
  const said = { out: '', err: '' };
  let question: Question | undefined;
  let line = 1;
  let over: FixUpError | undefined;
  const answer = (answers: (asked: Question) => Answers): void => {
    const asked = question;
    question = undefined;
    asked?.resolve(answers(asked));
  };
  const ended = endOf(child, () => (signal?.aborted ? 'it was stopped' : said.err.trim())).then((error) => {
    over = error;
    answer(({ commands }) => commands.map(() => err(error)));
  });
  const look = (): void => {
    const end = `${question?.mark ?? ''}\n`;
    if (question === undefined || !said.out.endsWith(end) || !said.err.endsWith(end)) return;
    const heard = { ...said };
    said.out = said.err = '';
    answer((asked) => answersOf(asked, heard));
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => ((said.out += text), look()));
  child.stderr.setEncoding('utf8').on('data', (text: string) => ((said.err += text), look()));
  // Writing to a guestfish that has ended fails; that it ended is told by its end.
  child.stdin.on('error', () => {});
  const kill = (): Promise<void> => (child.kill('SIGKILL'), ended);
  const stop = (): void => void kill();
  signal?.addEventListener('abort', stop, { once: true });
  void ended.then(() => signal?.removeEventListener('abort', stop));
  if (signal?.aborted) stop();

  const ask = (commands: Question['commands']): Promise<Answers> =>
    new Promise((resolve) => {
      const error = over;
      if (error !== undefined || commands.length === 0)
        return resolve(commands.map(() => (error === undefined ? ok('') : err(error))));
      question = { commands, firstLine: line, mark: `sealift-${randomBytes(8).toString('hex')}`, resolve };
      const lines = linesFor(question);
      line += lines.length;
      child.stdin.write(`${lines.join('\n')}\n`);
    });
  // One batch at a time: answers are told apart by where they stand.
  let last: Promise<unknown> = Promise.resolve();
  const runAll: Conversation['runAll'] = (commands) => {
    const answers = last.then(() => ask(commands));
    last = answers;
    return answers;
  };
  return {
    runAll,
    run: async (...words) => (await runAll([words]))[0] ?? ok(''),
    end: () => (child.stdin.end(), ended),
    kill,
  };
}

/** Resolves with why there will be no more answers. */
function endOf(child: ReturnType<typeof spawn>, lastWords: () => string): Promise<FixUpError> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      const isMissing = 'code' in error && error.code === 'ENOENT';
      resolve(
        isMissing
          ? { type: 'ToolMissing', program: 'guestfish', remedy }
          : { type: 'ToolFailed', step: 'guestfish', detail: error.message },
      );
    });
    child.once('close', (status, by) =>
      resolve({
        type: 'ToolFailed',
        step: 'guestfish',
        detail: `it ended ${by ?? `with status ${status}`}: ${lastWords()}`,
      }),
    );
  });
}

/** A dash in front lets guestfish go on after an error. The mark follows every command, and at last stands in both outputs. */
const linesFor = ({ commands, mark }: Question): readonly string[] => [
  ...commands.flatMap((words) => [`-${words.map(quoted).join(' ')}`, `echo ${mark}-`]),
  `!echo ${mark} >&2`,
  `echo ${mark}`,
];

/** Cuts what was said into one answer per command. */
function answersOf(
  { commands, firstLine, mark }: Question,
  said: { readonly out: string; readonly err: string },
): Answers {
  const outputs = said.out.split(`${mark}-\n`);
  const errors = new Map<number, string>();
  let about = firstLine;
  for (const text of said.err.split('\n')) {
    const found = /^\*stdin\*:(\d+): (.*)$/.exec(text);
    if (found?.[1] !== undefined) about = Number(found[1]);
    if (text === '' || text.startsWith(mark)) continue;
    const sentence = (found?.[2] ?? text).replace(/^libguestfs: error: /, '');
    errors.set(about, [errors.get(about) ?? [], sentence].flat().join('\n'));
  }
  return commands.map((words, index) => {
    const detail = errors.get(firstLine + linesPerCommand * index);
    if (detail === undefined) return ok(outputs[index] ?? '');
    return err({ type: 'ToolFailed', step: words.join(' ').slice(0, 200), detail });
  });
}

/** A word between double quotes, with the escapes guestfish knows there. */
function quoted(word: string): string {
  if (/^[A-Za-z0-9_./:=-]+$/.test(word)) return word;
  const characters = Array.from(word, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
    return character === '"' || character === '\\' ? `\\${character}` : character;
  });
  return `"${characters.join('')}"`;
}
