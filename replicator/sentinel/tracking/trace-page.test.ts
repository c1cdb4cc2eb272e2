import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEventFormat, readPageFormat } from './trace-format.ts';
import { readPage, type CompletedRequest } from './trace-page.ts';

/** `events/block/block_rq_complete/format` of Linux 6.18, without what it prints. */
const format6 = `name: block_rq_complete
ID: 2107
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:dev_t dev;	offset:8;	size:4;	signed:0;
	field:sector_t sector;	offset:16;	size:8;	signed:0;
	field:unsigned int nr_sector;	offset:24;	size:4;	signed:0;
	field:int error;	offset:28;	size:4;	signed:1;
	field:unsigned short ioprio;	offset:32;	size:2;	signed:0;
	field:char rwbs[10];	offset:34;	size:10;	signed:0;
	field:__data_loc char[] cmd;	offset:44;	size:4;	signed:0;
`;
/** Of Linux 6.1, Debian 12: shorter letters, no priority. */
const format61 = `name: block_rq_complete
ID: 1064
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:dev_t dev;	offset:8;	size:4;	signed:0;
	field:sector_t sector;	offset:16;	size:8;	signed:0;
	field:unsigned int nr_sector;	offset:24;	size:4;	signed:0;
	field:int error;	offset:28;	size:4;	signed:1;
	field:char rwbs[8];	offset:32;	size:8;	signed:1;
	field:__data_loc char[] cmd;	offset:40;	size:4;	signed:1;
`;
/** What that kernel recorded of a write and a discard to a virtio disk, and the same to an NVMe disk. The rest was empty. */
const page61 = [
  'VyklhwIAAADgAAAAAAAAAA0AAAAoBAkBnQAAAAAA0A8AAAAAKAAAAAAAAAAYAAAAAAAAAFdTAAAA',
  'AAAALAABAAAAAAAAAAAArW2rcCgECQElAAAAAADQDwAAAAAACAAAAAAAAAAIAAAAAAAARFMAAAAA',
  'AAAsAAEAAAAAAAAAAADN4xcMKAQJAQAAAAAAADAQAAAAAEgAAAAAAAAAGAAAAAAAAABXUwAAAAAA',
  'ACwAAQAAAAAAAAAAAC2UigooBAkBJQAAAAAAMBAAAAAAABAAAAAAAAAACAAAAAAAAERTAAAAAAAA',
  'LAABAAAAAAAAAAAA',
].join('');
const headerPage = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:0;
`;

const pageFormat = readPageFormat(headerPage);
const formats = [format6, format61].map((text) => readEventFormat(text));
const known = new Map(formats.flatMap((format) => (format.ok ? [[format.value.id, format.value]] : [])));

interface Record {
  readonly format: 0 | 1;
  readonly request: Omit<CompletedRequest, 'isDiscard'>;
  readonly letters: string;
  /** What stands before it on the page. */
  readonly before: 'nothing' | 'time' | 'padding';
  readonly long: boolean;
}

const records: fc.Arbitrary<Record[]> = fc.array(
  fc.record({
    format: fc.constantFrom(0, 1),
    request: fc.record({
      dev: fc.nat(2 ** 31),
      sector: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 50 })),
      sectors: fc.oneof(fc.constant(0), fc.nat(2 ** 31)),
    }),
    letters: fc.constantFrom('W', 'WS', 'WSM', 'FWFS', 'D', 'DS', 'N', 'NS', 'ZA', 'R', 'RA', 'RSM', 'FF', 'F'),
    before: fc.constantFrom('nothing', 'time', 'padding'),
    long: fc.boolean(),
  }),
  { maxLength: 40 },
);

describe('a page of records', () => {
  it('hands out all that may have changed a disk: no reads, no flushes, nothing else missing', () => {
    fc.assert(
      fc.property(records, fc.boolean(), fc.boolean(), (list, missed, filled) => {
        const found: CompletedRequest[] = [];
        const end = readPage(pageOf(list, { missed, filled }), valueIn(pageFormat), known, (one) => found.push(one));
        expect(end).toEqual({ missed, intact: true });
        expect(found).toEqual(
          list
            .filter(({ letters, request }) => request.sectors > 0 && !/^F?R/.test(letters))
            .map(({ request, letters }) => ({ ...request, isDiscard: letters.startsWith('D') })),
        );
      }),
    );
  });

  it('of a kernel in the field is understood', () => {
    const page = Buffer.alloc(4_096);
    Buffer.from(page61, 'base64').copy(page);
    const found: CompletedRequest[] = [];
    expect(readPage(page, valueIn(pageFormat), known, (one) => found.push(one))).toEqual({
      missed: false,
      intact: true,
    });
    const [virtio, nvme] = [253 * 2 ** 20, 259 * 2 ** 20];
    expect(found).toEqual([
      { dev: virtio, sector: 40, sectors: 24, isDiscard: false },
      { dev: virtio, sector: 2_048, sectors: 2_048, isDiscard: true },
      { dev: nvme, sector: 72, sectors: 24, isDiscard: false },
      { dev: nvme, sector: 4_096, sectors: 2_048, isDiscard: true },
    ]);
  });

  it('that is damaged is not intact, or what it names was on it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_096 }), (bytes) => {
        // Whatever it is, it ends, and says so.
        expect(typeof readPage(Buffer.from(bytes), valueIn(pageFormat), known, () => undefined).intact).toBe('boolean');
      }),
    );
    const page = pageOf(
      [{ format: 0, request: { dev: 1, sector: 2, sectors: 8 }, letters: 'W', before: 'nothing', long: false }],
      {},
    );
    // An event of another kind, where only ours were asked for.
    page.writeUInt16LE(9, 16 + 4);
    expect(readPage(page, valueIn(pageFormat), known, () => undefined).intact).toBe(false);
    // Fewer bytes than its record has.
    page.writeUInt16LE(2_107, 16 + 4);
    page.writeUInt32LE(20, 8);
    expect(readPage(page, valueIn(pageFormat), known, () => undefined).intact).toBe(false);
  });

  it('of a kernel that describes itself unlike any known one is not read at all', () => {
    expect(readEventFormat(format6.replace('nr_sector', 'bytes')).ok).toBe(false);
    expect(readEventFormat(format6.replace('size:8', 'size:4')).ok).toBe(false);
    expect(readPageFormat('').ok).toBe(false);
  });
});

function pageOf(
  list: readonly Record[],
  { missed = false, filled = false }: { missed?: boolean; filled?: boolean },
): Buffer {
  const page = Buffer.alloc(4_096);
  let at = 16;
  const u32 = (value: number): void => void (at = page.writeUInt32LE(value >>> 0, at));
  for (const { format, request, letters, before, long } of list) {
    if (before === 'time') [(1 << 5) | 30, 77].forEach(u32);
    if (before === 'padding') [(1 << 5) | 29, 12, 0, 0].forEach(u32);
    const { id, dev, sector, sectors, rwbs } = valueIn(formats[format]);
    const length = format === 0 ? 48 : 44;
    if (long) [0, length + 4].forEach(u32);
    else u32((5 << 5) | (length / 4));
    page.writeUInt16LE(id, at);
    page.writeUInt32LE(request.dev, at + dev.offset);
    page.writeBigUInt64LE(BigInt(request.sector), at + sector.offset);
    page.writeUInt32LE(request.sectors, at + sectors.offset);
    page.write(letters, at + rwbs.offset, 'latin1');
    at += length;
  }
  const end = filled ? 4_096 : at;
  // The head of padding without a length: nothing follows.
  if (filled && at < 4_096) u32(29);
  page.writeUInt32LE((end - 16 + (missed ? 0x8000_0000 : 0)) >>> 0, 8);
  return page;
}

function valueIn<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false } | undefined): T {
  if (!result?.ok) throw new Error('a format that is known was not understood');
  return result.value;
}
