import { err, ok, type Result } from '#core/result';

/** Where a field of a record is, in bytes from the start of the record. */
export interface Field {
  readonly offset: number;
  readonly size: number;
}

/** What is needed of an event of the block layer. */
export interface BlockEventFormat {
  /** The first two bytes of each record of this event. */
  readonly id: number;
  readonly dev: Field;
  readonly sector: Field;
  readonly sectors: Field;
  readonly rwbs: Field;
}

/** How a page of the ring buffer begins. */
export interface PageFormat {
  /** How many bytes of records are on it, and in its upper bits whether some were lost before it. */
  readonly commit: Field;
  /** Where records begin, and how many bytes of them there may be. */
  readonly data: Field;
}

/**
 * Reads the `format` file of `block_rq_complete` or `block_rq_error`. The error is a sentence. Layouts differ between
 * kernels (`rwbs` has 8 bytes or 10, `ioprio` came with 6.11), so none is taken for granted.
 */
export function readEventFormat(text: string): Result<BlockEventFormat, string> {
  const id = /^ID: (\d+)$/m.exec(text)?.[1];
  const [dev, sector, sectors, rwbs] = ['dev', 'sector', 'nr_sector', 'rwbs'].map((name) => fieldOf(text, name));
  if (id === undefined || !dev || !sector || !sectors || !rwbs)
    return err('the kernel describes its event unlike any known one');
  if (dev.size !== 4 || sector.size !== 8 || sectors.size !== 4)
    return err('the fields of the event have unknown sizes');
  return ok({ id: Number(id), dev, sector, sectors, rwbs });
}

/** Reads `events/header_page`. The error is a sentence. */
export function readPageFormat(text: string): Result<PageFormat, string> {
  const commit = fieldOf(text, 'commit');
  const data = fieldOf(text, 'data');
  if (!commit || !data || (commit.size !== 8 && commit.size !== 4))
    return err('the kernel describes its buffer unlike any known one');
  return ok({ commit, data });
}

function fieldOf(text: string, name: string): Field | undefined {
  const line = new RegExp(`^\\s*field: ?[^;]*?\\b${name}(?:\\[\\d*\\])?;\\s*offset:(\\d+);\\s*size:(\\d+);`, 'm').exec(
    text,
  );
  return line ? { offset: Number(line[1]), size: Number(line[2]) } : undefined;
}
