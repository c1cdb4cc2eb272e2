import type { BlockEventFormat, PageFormat } from '#replicator/sentinel/tracking/trace-format';

/*
 * Pages of a kernel's ring buffer with records of `block_rq_complete`, byte for byte as Linux 6.1 lays them out
 * (events/header_page and events/block/block_rq_complete/format; read by `trace-page.ts` of the sentinel).
 */

/** How a page begins. */
export const pageFormat: PageFormat = { commit: { offset: 8, size: 8 }, data: { offset: 16, size: 4_080 } };

/** How a record of a completed request is laid out. */
export const requestFormat: BlockEventFormat = {
  id: 1_042,
  dev: { offset: 8, size: 4 },
  sector: { offset: 16, size: 8 },
  sectors: { offset: 24, size: 4 },
  rwbs: { offset: 32, size: 8 },
};

const recordWords = 11;
const recordLength = 4 + recordWords * 4;

/** How many records fit on a page. */
export const recordsPerPage = Math.floor(pageFormat.data.size / recordLength);

/** A request as the kernel records it. */
export interface RecordedRequest {
  readonly dev: number;
  /** In sectors of 512 bytes. */
  readonly sector: number;
  readonly sectors: number;
}

const writeLetters = new TextEncoder().encode('WS');

/** Writes records on a page, no more than fit. Returns the length of the page. */
export function fillPage(page: Uint8Array, records: readonly RecordedRequest[]): number {
  const length = pageFormat.data.offset + pageFormat.data.size;
  page.fill(0, 0, length);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  view.setUint32(pageFormat.commit.offset, records.length * recordLength, true);
  let at = pageFormat.data.offset;
  for (const { dev, sector, sectors } of records) {
    view.setUint32(at, recordWords, true);
    const record = at + 4;
    view.setUint16(record, requestFormat.id, true);
    view.setUint32(record + requestFormat.dev.offset, dev, true);
    view.setUint32(record + requestFormat.sector.offset, sector % 2 ** 32, true);
    view.setUint32(record + requestFormat.sector.offset + 4, Math.floor(sector / 2 ** 32), true);
    view.setUint32(record + requestFormat.sectors.offset, sectors, true);
    page.set(writeLetters, record + requestFormat.rwbs.offset);
    at += recordLength;
  }
  return length;
}
