import { err, ok, type Result } from '#core/result';
import { type Millis, millis } from '#core/units';
import { isRecord, jsonOf, textOf } from '#replicator/sentinel/inventory/lsblk';

/** Where fix-up leaves word for the sentinel in a replica. */
export const stagePath = '/var/lib/sealift/stage.json';

/** What is to be done in a replica that has booted on the target. Without it a sentinel is an ordinary one. */
export interface StageFile {
  /** In a `test` the sentinel must not talk to the network. */
  readonly stage: 'test' | 'target';
  readonly migration: string;
  /** In the order in which they run. */
  readonly checks: readonly ValidationCheck[];
  /** What the guest was at cutover, if not as its sentinel noted on the way to rest. */
  readonly source?: StageSource;
  readonly account?: StageAccount;
}

/** A guest as far as it has to be kept. */
export interface StageSource {
  readonly hostname: string;
  readonly nics: readonly StageNic[];
  readonly routes: readonly string[];
}

/** A network card, with the addresses that nobody would lend it again. */
export interface StageNic {
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly lent: readonly string[];
}

/** A temporary account to look at the target with. Its password is never in here; a hash of it may be. */
export interface StageAccount {
  readonly name: string;
  /** As in `/etc/shadow`. Without it a password is made in the guest each time somebody asks for one. */
  readonly passwordHash?: string;
}

/** One thing to be true of a migrated guest. */
export type ValidationCheck = {
  readonly id: string;
  /** For all its attempts. */
  readonly timeout: Millis;
  /** Whether its failure fails the launch; else it is a warning. */
  readonly mustSucceed: boolean;
} & (
  | { readonly kind: 'booted' }
  | { readonly kind: 'hostname'; readonly expected: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'service'; readonly unit: string }
  /** `asAccount`: run by the account of the stage, and not by root. */
  | { readonly kind: 'script'; readonly command: string; readonly asAccount?: true }
);

/** The kinds of checks, and the field that each needs. */
const needs = {
  booted: undefined,
  hostname: 'expected',
  address: 'address',
  service: 'unit',
  script: 'command',
} as const satisfies Record<ValidationCheck['kind'], string | undefined>;

const timeoutDefault = 60_000;
const accountShape = /^[a-z][a-z0-9-]{0,30}$/;
const hashShape = /^\$[0-9a-z]+\$[^:\s]+$/;

/** Reads the file. The error is a sentence: a file that cannot be read must not be taken for none. */
export function parseStageFile(text: string): Result<StageFile, string> {
  const parsed = jsonOf(text);
  if (!isRecord(parsed)) return err(`${stagePath} is not JSON`);
  const { stage, checks, source, account } = parsed;
  if (stage !== 'test' && stage !== 'target') return err(`${stagePath} has no stage that is known`);
  const migration = textOf(parsed['migration']);
  if (migration === '') return err(`${stagePath} names no migration`);
  if (checks !== undefined && !Array.isArray(checks)) return err(`checks in ${stagePath} is no list`);
  const read: ValidationCheck[] = [];
  for (const one of checks ?? []) {
    const check = readCheck(one);
    if (!check.ok) return check;
    read.push(check.value);
  }
  const who = account === undefined ? ok(undefined) : readAccount(account);
  if (!who.ok) return who;
  const homeless =
    who.value === undefined ? read.find((check) => check.kind === 'script' && check.asAccount) : undefined;
  if (homeless) return err(`the check ${homeless.id} is to run as an account, and there is none in ${stagePath}`);
  return ok({
    stage,
    migration,
    checks: read,
    ...(isRecord(source) ? { source: readSource(source) } : {}),
    ...(who.value === undefined ? {} : { account: who.value }),
  });
}

function readCheck(value: unknown): Result<ValidationCheck, string> {
  if (!isRecord(value)) return err('a check is no object');
  const id = textOf(value['id']);
  const kind = textOf(value['kind']);
  if (id === '') return err('a check has no id');
  if (!isKind(kind)) return err(`the check ${id} is of no known kind: ${JSON.stringify(kind)}`);
  const field = needs[kind];
  const needed = field === undefined ? '' : textOf(value[field]);
  if (field !== undefined && needed === '') return err(`the check ${id} lacks its ${field}`);
  const given = Number(value['timeoutMs'] ?? timeoutDefault);
  if (!Number.isSafeInteger(given) || given < 0) return err(`the timeoutMs of the check ${id} is no duration`);
  const common = { id, timeout: millis(given), mustSucceed: value['mustSucceed'] !== false };
  switch (kind) {
    case 'booted':
      return ok({ ...common, kind });
    case 'hostname':
      return ok({ ...common, kind, expected: needed });
    case 'address':
      return ok({ ...common, kind, address: needed });
    case 'service':
      return ok({ ...common, kind, unit: needed });
    case 'script':
      return ok({ ...common, kind, command: needed, ...(value['asAccount'] === true && { asAccount: true }) });
  }
}

const isKind = (kind: string): kind is ValidationCheck['kind'] => Object.hasOwn(needs, kind);

function readAccount(value: unknown): Result<StageAccount, string> {
  const name = isRecord(value) ? textOf(value['name']) : '';
  if (!accountShape.test(name)) return err('the account has no name that a system would take');
  const hash = isRecord(value) ? textOf(value['passwordHash']) : '';
  if (hash === '') return ok({ name });
  // Whoever puts a password here has written it to a disk that others read.
  return hashShape.test(hash) ? ok({ name, passwordHash: hash }) : err('the password of the account is no hash');
}

/** Reads what a guest was, from what is plain data. */
export function readSource(value: Readonly<Record<string, unknown>>): StageSource {
  const nics = Array.isArray(value['nics']) ? value['nics'].filter(isRecord) : [];
  return {
    hostname: textOf(value['hostname']),
    nics: nics.map((nic) => ({
      ...{ name: textOf(nic['name']), mac: textOf(nic['mac']).toLowerCase() },
      ...{ addresses: texts(nic['addresses']), lent: texts(nic['lent']) },
    })),
    routes: texts(value['routes']),
  };
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(textOf).filter((text) => text !== '') : [];

/** The file's text, as `parseStageFile` reads it. */
export const renderStageFile = (file: StageFile): string =>
  `${JSON.stringify({ ...file, checks: file.checks.map(({ timeout, ...check }) => ({ ...check, timeoutMs: timeout })) }, undefined, 2)}\n`;
