import type { Result } from '#core/result';

/** What is in a file, or why it cannot be read. */
export type ReadBytes = (path: string) => Promise<Result<Uint8Array, string>>;
