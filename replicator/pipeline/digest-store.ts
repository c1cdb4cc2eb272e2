import { invariant } from '#core/invariant';
import { ok, type Result } from '#core/result';
import { blocksIn } from './digest.ts';
import { bytesOf, digestsPerPage, hashPage, rootOver } from './merkle.ts';

/*
 * The digests of all blocks of one disk, and the Merkle root over them.
 *
 * A disk of any size must fit in bounded memory, so digests live in pages and only the pages used last are held. A page
 * that was never written is all zeroes and costs nothing.
 */

/** Why pages could not be kept. */
export type PageError = { readonly type: 'PageFailed'; readonly detail: string };

/**
 * Where pages are when they are not in memory. Synchronous: a page is 8 KiB per 64 MiB of disk, and an answer that
 * comes later would put an `await` between a block and its digest.
 */
export interface PageStore {
  /** Fills `into` with a page; with zeroes if it was never written. */
  read(page: number, into: Uint8Array): Result<void, PageError>;
  write(page: number, from: Uint8Array): Result<void, PageError>;
  /** Returns once everything written is on stable storage. */
  flush(): Result<void, PageError>;
  /** Makes all pages zero again. */
  clear(): Result<void, PageError>;
  close(): void;
}

/** The digests of one disk. */
export interface DigestStore {
  /** Blocks on the disk. */
  readonly blocks: number;
  put(firstBlock: number, digests: BigUint64Array): Result<void, PageError>;
  get(firstBlock: number, count: number): Result<BigUint64Array, PageError>;
  /** The Merkle root, hex. Costs one hash per page that changed since it was last asked. */
  root(): Result<string, PageError>;
  /** Everything put is on stable storage when this returns. */
  flush(): Result<void, PageError>;
  clear(): Result<void, PageError>;
  close(): void;
}

// 256 pages stand for 16 GiB of disk and take 2 MiB: a round goes through a disk in order and needs two of them.
const pagesHeldMax = 256;

/** Pages in memory, for disks whose digests nobody needs afterwards. Grows with the part of the disk that is not zero. */
export function pagesInMemory(): PageStore {
  const pages = new Map<number, Uint8Array>();
  return {
    read: (page, into) => {
      const held = pages.get(page);
      if (held) into.set(held);
      else into.fill(0);
      return ok(undefined);
    },
    write: (page, from) => {
      pages.set(page, from.slice());
      return ok(undefined);
    },
    flush: () => ok(undefined),
    clear: () => {
      pages.clear();
      return ok(undefined);
    },
    close: () => pages.clear(),
  };
}

interface Page {
  readonly digests: BigUint64Array;
  changed: boolean;
}

interface Store {
  readonly blocks: number;
  readonly pages: PageStore;
  /** In order of last use: a `Map` keeps the order of insertion, and a page used is inserted again. */
  readonly held: Map<number, Page>;
  /** The hash of each page, where it is known. */
  readonly hashes: (Uint8Array | undefined)[];
}

/** The digests of a disk of `size` bytes, kept in `pages`. Owns `pages` from here on. */
export function digestStore(size: number, pages: PageStore): DigestStore {
  const blocks = blocksIn(size);
  const hashes = Array.from<undefined>({ length: Math.ceil(blocks / digestsPerPage) });
  const store: Store = { blocks, pages, held: new Map(), hashes };
  return {
    blocks,
    put: (firstBlock, digests) =>
      eachPage(store, firstBlock, digests.length, (page, number, inPage, at, run) => {
        page.digests.set(digests.subarray(at, at + run), inPage);
        page.changed = true;
        store.hashes[number] = undefined;
      }),
    get: (firstBlock, count) => {
      const digests = new BigUint64Array(count);
      const read = eachPage(store, firstBlock, count, (page, _number, inPage, at, run) => {
        digests.set(page.digests.subarray(inPage, inPage + run), at);
      });
      return read.ok ? ok(digests) : read;
    },
    root: () => rootOf(store, size),
    flush: () => {
      const written = writeAll(store);
      return written.ok ? pages.flush() : written;
    },
    clear: () => {
      store.held.clear();
      store.hashes.fill(undefined);
      return pages.clear();
    },
    close: () => {
      store.held.clear();
      pages.close();
    },
  };
}

function eachPage(
  store: Store,
  firstBlock: number,
  count: number,
  visit: (page: Page, number: number, inPage: number, at: number, run: number) => void,
): Result<void, PageError> {
  const { blocks } = store;
  invariant(firstBlock + count <= blocks, `blocks ${firstBlock}+${count} are beyond the ${blocks} of this disk`);
  for (let done = 0; done < count;) {
    const number = Math.floor((firstBlock + done) / digestsPerPage);
    const inPage = (firstBlock + done) % digestsPerPage;
    const run = Math.min(count - done, digestsPerPage - inPage);
    const page = pageAt(store, number);
    if (!page.ok) return page;
    visit(page.value, number, inPage, done, run);
    done += run;
  }
  return ok(undefined);
}

function pageAt(store: Store, number: number): Result<Page, PageError> {
  const { held, pages } = store;
  const found = held.get(number);
  if (found) {
    held.delete(number);
    held.set(number, found);
    return ok(found);
  }
  const [oldest] = held;
  if (oldest && held.size >= pagesHeldMax) {
    const written = writeBack(pages, ...oldest);
    if (!written.ok) return written;
    held.delete(oldest[0]);
  }
  const page = { digests: new BigUint64Array(digestsPerPage), changed: false };
  const filled = pages.read(number, bytesOf(page.digests));
  if (!filled.ok) return filled;
  held.set(number, page);
  return ok(page);
}

function writeBack(pages: PageStore, number: number, page: Page): Result<void, PageError> {
  if (!page.changed) return ok(undefined);
  const written = pages.write(number, bytesOf(page.digests));
  if (written.ok) page.changed = false;
  return written;
}

function writeAll({ held, pages }: Store): Result<void, PageError> {
  for (const [number, page] of held) {
    const written = writeBack(pages, number, page);
    if (!written.ok) return written;
  }
  return ok(undefined);
}

function rootOf(store: Store, size: number): Result<string, PageError> {
  const known: Uint8Array[] = [];
  for (let number = 0; number < store.hashes.length; number += 1) {
    let hash = store.hashes[number];
    if (!hash) {
      const page = pageAt(store, number);
      if (!page.ok) return page;
      hash = hashPage(page.value.digests);
      store.hashes[number] = hash;
    }
    known.push(hash);
  }
  return ok(rootOver(known, size));
}
