/** Names of things, each its own type. Plain strings in JSON. */
declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** One migration of one VM. The stream is `migration-<id>`. */
export type MigrationId = Id<'MigrationId'>;
/** One wave. The stream is `wave-<id>`. */
export type WaveId = Id<'WaveId'>;
/** One disk of one VM, unique within the VM (`vda`, `disk0`). */
export type DiskId = Id<'DiskId'>;
/** One sentinel: the agent in one source guest. The stream is `sentinel-<id>`. */
export type SentinelId = Id<'SentinelId'>;
/** A globally unique name of one fact (a UUID): appending the same one again is appending it once. */
export type FactId = Id<'FactId'>;
/** A globally unique name of one command. */
export type CommandId = Id<'CommandId'>;

// Ids end up in stream names, file names and URLs, so they keep to what is safe in all three.
const shape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const named =
  <I extends string>(kind: string) =>
  (text: string): I => {
    if (!shape.test(text))
      throw new RangeError(
        `${kind} must be 1 to 100 letters, digits, dots, dashes or underscores, starting with a letter or digit; got ${JSON.stringify(text)}`,
      );
    return text as I;
  };

/** Checks and brands. Throws a `RangeError` that says what is allowed, as all here do. */
export const migrationId: (text: string) => MigrationId = named('migration id');
/** Checks and brands a wave's name. */
export const waveId: (text: string) => WaveId = named('wave id');
/** Checks and brands a disk's name. */
export const diskId: (text: string) => DiskId = named('disk id');
/** Checks and brands a sentinel's name. */
export const sentinelId: (text: string) => SentinelId = named('sentinel id');
/** Checks and brands a fact's name. */
export const factId: (text: string) => FactId = named('fact id');
/** Checks and brands a command's name. */
export const commandId: (text: string) => CommandId = named('command id');
