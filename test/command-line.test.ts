import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { factId } from '#core/ids';
import { exitStatus } from '#core/text/exit-status';
import { instant } from '#core/units';
import { sampleSentinelFacts } from '#test/support/sentinel-facts';
import { valueOf } from '#test/support/value-of';

/** The built front door, as it is published: `npm run build` makes it. */
const cli = 'dist/cli.js';

interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

function sealift(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { maxBuffer: 2 ** 26 }, (error, output, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
    );
  });
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

describe('a mistake of whoever runs sealift', () => {
  const mistakes: readonly (readonly [args: () => readonly string[], status: number, says: RegExp])[] = [
    [() => ['migrat'], exitStatus.usage, /unknown command 'migrat'[^]*Did you mean migrate/],
    [() => ['migrate'], exitStatus.usage, /missing required argument 'plan'/],
    [() => ['migrate', at('nope.yaml')], exitStatus.usage, /nope\.yaml cannot be read/],
    [() => ['migrate', 'scenarios/first-wave.yaml', '--data', folder], exitStatus.usage, /of kind "rehearsal"/],
    [() => ['up', 'scenarios/laboratory.yaml', '--data', folder], exitStatus.usage, /of kind "migration"/],
    [() => ['up', '--host', '0.0.0.0', '--data', folder], exitStatus.unavailable, /only a loopback address is allowed/],
    [() => ['up', '--port', '99999'], exitStatus.usage, /A port is 0 to 65535/],
    [() => ['up', '--speed', 'fast'], exitStatus.usage, /such as 60x, or max/],
    [() => ['rehearse'], exitStatus.usage, /say which scenario[^]*bank-weekend/],
    [() => ['rehearse', 'bank-wekend'], exitStatus.usage, /no scenario file bank-wekend; did you mean bank-weekend/],
    [() => ['rehearse', 'scenarios/laboratory.yaml'], exitStatus.usage, /takes one of kind "rehearsal"/],
    [() => ['rehearse', 'scenarios/first-wave.yaml', '--seeds', '0'], exitStatus.usage, /whole number from 1 up/],
    [
      () => ['rehearse', 'scenarios/first-wave.yaml', '--seeds', '2', '--log', at('x.db')],
      exitStatus.usage,
      /log of one seed/,
    ],
    [() => ['rehearse', 'scenarios/first-wave.yaml', '--threads', '2'], exitStatus.usage, /add --seeds/],
    [() => ['rehearse', 'scenarios/first-wave.yaml', '--log', 'package.json'], exitStatus.usage, /kept as it is/],
    [
      () => ['rehearse', 'scenarios/first-wave.yaml', '--report', 'package.json'],
      exitStatus.usage,
      /--report a name that/,
    ],
    [
      () => ['rehearse', 'scenarios/first-wave.yaml', '--report', 'package.json/x.html'],
      exitStatus.usage,
      /cannot be written/,
    ],
    [() => ['estate', 'import', at('nope.csv')], exitStatus.usage, /nope\.csv cannot be read/],
    [
      () => ['estate', 'generate', '--profile', 'bnk', '--vms', '2'],
      exitStatus.usage,
      /Allowed choices are mixed, bank/,
    ],
    [() => ['replay', at('nope.db')], exitStatus.unavailable, /there is no event log at/],
    [() => ['replay', 'package.json'], exitStatus.unavailable, /not a Sealift event log/],
    [() => ['replicate', at('nope.raw'), at('copy.raw')], exitStatus.unavailable, /nope\.raw/],
    [() => ['fixup', 'apply', at('x.raw'), '--plan', at('nope.json')], exitStatus.usage, /cannot read .*nope\.json/],
    [() => ['fixup', 'plan', at('x.raw'), '--nic', 'ens3'], exitStatus.usage, /such as ens3=52:54/],
    [() => ['replicate', 'nbd://', at('copy.raw'), '--limit', '0'], exitStatus.usage, /whole number from 1 up/],
    [() => ['gateway'], exitStatus.usage, /either a receiver \(--receiver\) or a directory/],
    [() => ['receiver', '--directory', at('nope')], exitStatus.unavailable, /certificates|nope/],
    [() => ['model', '--chart', 'mesh'], exitStatus.usage, /Allowed choices are migration, wave/],
  ];

  it.each(mistakes)('%# is answered in a sentence, with a status and without a stack', async (args, status, says) => {
    const ended = await sealift(...args());
    expect(ended.errors).toMatch(says);
    expect(ended.errors).not.toMatch(/^\s+at /m);
    expect(ended.status).toBe(status);
  });

  it('says of a plan what is wrong, and where', async () => {
    const plan = at('plan.yaml');
    await writeFile(plan, 'kind: migration\nid: x\ndowntimeMax: 5 parsecs\n');
    const { status, errors } = await sealift('migrate', plan, '--data', folder);
    expect(status).toBe(exitStatus.usage);
    expect(errors).toMatch(/plan\.yaml:3:\d+/);
  });
});

describe('help', () => {
  it.each(['up', 'migrate', 'replicate', 'replay', 'model', 'certs', 'gateway', 'receiver', 'fixup plan'])(
    'says what sealift %s takes',
    async (command) => {
      const { status, output } = await sealift(...command.split(' '), '--help');
      expect(status).toBe(exitStatus.done);
      expect(output).toMatch(new RegExp(`^Usage: sealift ${command}`));
      expect(output).toContain('--json');
    },
  );
  it('says what the exit statuses mean', async () => {
    const { output } = await sealift('--help');
    for (const status of Object.values(exitStatus)) expect(output).toMatch(new RegExp(`\\b${status} +\\S`));
  });
});

describe('a rehearsal on the command line', () => {
  it('runs to its end, ends as its scenario expects, and is told again from its log', async () => {
    const up = await sealift('up', '--once', '--speed', 'max', '--port', '0', '--data', folder, '--json');
    expect(up.errors).toContain('at full speed');
    expect(up.status).toBe(exitStatus.done);
    const [address = '', summary = ''] = up.output.trim().split('\n');
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(JSON.parse(summary)).toMatchObject({ ending: { type: 'finished' }, members: { length: 12 } });
    const log = /log (\S+\.db)/.exec(up.errors)?.[1] ?? 'no log named';
    const told = await sealift('replay', log, '--only', 'db-1');
    expect(told.output).toMatch(/Source quiesced/);
    expect(told.output).toMatch(/Target validated/);
    const facts = (await sealift('replay', log, '--json')).output.trim().split('\n');
    expect(facts.length).toBe((JSON.parse(summary) as { readonly facts: number }).facts);
    for (const fact of facts) expect(JSON.parse(fact)).toHaveProperty('metadata.previousHash');
  });
});

describe('the log of a gateway', () => {
  const path = () => at('sentinels.db');
  beforeAll(async () => {
    const log = valueOf(await openSqliteEventLog({ path: path(), mode: 'create' }));
    const model = { id: 'sentinel', version: '1' };
    const metadata = { time: instant(0), actor: 'gateway', correlationId: 'web01', schemaVersion: 1, model };
    const facts = sampleSentinelFacts.map(({ type, data }) => ({ id: factId(randomUUID()), type, data, metadata }));
    valueOf(await log.append('sentinel-web01', facts, 'none'));
    await log.close();
  });

  it('is told as a timeline: who enrolled, came and went, and who was refused with the cause', async () => {
    const { status, output } = await sealift('replay', path());
    expect(status).toBe(exitStatus.done);
    expect(output).toMatch(/^Sentinels of a gateway, since 1970-01-01/);
    expect(output).toMatch(/web01 +Sentinel enrolled\s+web01 from 10\.0\.0\.7/);
    expect(output).toMatch(/Token refused: replayed: another key has used it already; from 10\.0\.0\.8/);
    const json = (await sealift('replay', path(), '--json', '--only', 'web01')).output.trim().split('\n');
    expect(json.map((line) => (JSON.parse(line) as { readonly type: string }).type)).toEqual(
      sampleSentinelFacts.map(({ type }) => type),
    );
  });

  it.each([
    ['replay', '--dashboard', '--port', '0'],
    ['forecast'],
    ['fork', '--at', '0', '--set', 'a=b'],
    ['calibrate'],
  ])('is not taken for that of a run by sealift %s', async (command, ...options) => {
    const { status, errors } = await sealift(command, path(), ...options);
    expect(errors).toMatch(
      /no log of a run, but of the sentinels of a gateway; tell it with: sealift replay .*sentinels\.db\n$/,
    );
    expect(status).toBe(exitStatus.usage);
  });
});

describe('replicate on the command line', () => {
  it('copies a file, says how far it is in whole lines, and brings it up to date when run again', async () => {
    const content = Buffer.alloc(8 * 2 ** 20, 'sealift');
    await writeFile(at('source.raw'), content);
    const first = await sealift('replicate', at('source.raw'), at('target.raw'), '--verify');
    expect(first).toMatchObject({ status: exitStatus.done, output: expect.stringContaining('copied: 8.00 MiB sent') });
    expect(first.errors).toMatch(/100 %/);
    expect(first.errors).not.toContain('\r');
    expect(content.equals(await readFile(at('target.raw')))).toBe(true);
    content.write('changed', 3 * 2 ** 20);
    await writeFile(at('source.raw'), content);
    const again = await sealift('replicate', at('source.raw'), at('target.raw'), '--json');
    expect(JSON.parse(again.output)).toMatchObject({ how: 'updated', rounds: [{ bytesSent: 65_536 }] });
    expect(content.equals(await readFile(at('target.raw')))).toBe(true);
  });

  it('never overwrites what it did not make', async () => {
    await writeFile(at('mine.raw'), 'precious');
    const { status, errors } = await sealift('replicate', at('source.raw'), at('mine.raw'));
    expect(errors).toMatch(/was not made by sealift[^]*--overwrite/);
    expect(status).toBe(exitStatus.usage);
    expect(await readFile(at('mine.raw'), 'utf8')).toBe('precious');
  });
});

describe('model', () => {
  it('prints the chart as XState JSON', async () => {
    const { output } = await sealift('model', '--json');
    expect(JSON.parse(output)).toMatchObject({
      id: 'migration',
      type: 'parallel',
      states: { lifecycle: { initial: 'undrafted' } },
    });
  });
});

describe('sealift rehearse', () => {
  const wave = 'scenarios/first-wave.yaml';

  it('rehearses once, as its scenario expects, and keeps the log it is asked to keep', async () => {
    const kept = at('seven.db');
    const once = await sealift('rehearse', wave, '--seed', '7', '--log', kept, '--json');
    expect(once.status).toBe(exitStatus.done);
    const summary = JSON.parse(once.output) as { readonly seed: number; readonly members: readonly unknown[] };
    expect(summary.seed).toBe(7);
    expect(summary.members).toHaveLength(12);
    const told = await sealift('replay', kept);
    expect(told.output).toContain('build-1');
  });

  it('says what many seeds come to, the same whoever counts them', async () => {
    const counted = async (threads: string) => {
      const { status, output } = await sealift('rehearse', wave, '--seeds', '6', '--threads', threads, '--json');
      expect(status).toBe(exitStatus.done);
      return JSON.parse(output) as { readonly seeds: number; readonly asExpected: number };
    };
    const one = await counted('1');
    expect(one).toMatchObject({ seeds: 6, asExpected: 6, first: 11, differing: [] });
    expect(await counted('2')).toEqual(one);
  });

  it('writes a report beside the JSON, the same each time, of one seed and of many', async () => {
    const written = async (name: string, ...args: readonly string[]) => {
      const { status, output, errors } = await sealift('rehearse', wave, ...args, '--report', at(name), '--json');
      expect(status).toBe(exitStatus.done);
      expect(errors).toContain(`report ${at(name)}`);
      return { said: JSON.parse(output) as { readonly usage: unknown }, page: await readFile(at(name), 'utf8') };
    };
    const many = await written('many.html', '--seeds', '4');
    expect(many.said).toMatchObject({ inWindow: 4, usage: { bottleneck: { place: 'gateway' } } });
    expect(many.page).toContain(
      'The wave fits its window in all of 4 seeds, and no VM that should move stays behind in any.',
    );
    expect((await written('again.html', '--seeds', '4', '--threads', '1')).page).toBe(many.page);
    expect((await written('one.html', '--seed', '7')).page).toContain('In this seed the wave fits its window');
  });

  it('rehearses an estate that was printed into a file, in this process and in threads', async () => {
    const { output, status } = await sealift('estate', 'generate', '--profile', 'bank', '--vms', '6', '--seed', '3');
    expect(status).toBe(exitStatus.done);
    await writeFile(at('estate.yaml'), output);
    const wave = 'wave: { id: w, window: { opens: 6 h, closes: 12 h } }\nplan: { approval: given }\n';
    await writeFile(
      at('bank.yaml'),
      `kind: rehearsal\nid: bank\ntitle: t\nwhy: w\nestate: { file: estate.yaml }\n${wave}`,
    );
    const one = await sealift('rehearse', at('bank.yaml'), '--json');
    expect(JSON.parse(one.output)).toMatchObject({ ending: { type: 'finished' }, members: { length: 6 } });
    const many = await sealift('rehearse', at('bank.yaml'), '--seeds', '2', '--json');
    expect(JSON.parse(many.output)).toMatchObject({ seeds: 2 });
    await writeFile(at('estate.yaml'), output.replace('platform: hyperv', 'platform: hyprv'));
    const mistaken = await sealift('rehearse', at('bank.yaml'));
    expect(mistaken.status).toBe(exitStatus.usage);
    expect(mistaken.errors).toMatch(/estate\.yaml:\d+:\d+: hosts\[0\]\.platform must be kvm, hyperv or ahv/);
  });

  it('certifies that the same seed does the same', async () => {
    const { status, output } = await sealift('rehearse', wave, '--seeds', '2', '--certify');
    expect(status).toBe(exitStatus.done);
    expect(output).toContain('the same happened twice with each of 2 seeds');
  });
});
