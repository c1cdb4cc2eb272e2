/**
 * Writes the archive format the Linux kernel unpacks as its first file system ("newc" cpio), so that no program is
 * needed to make one. Directories come before what is in them, as the kernel makes nothing by itself.
 */
export type ArchiveEntry =
  | { readonly type: 'directory'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly content: Uint8Array; readonly executable?: boolean }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string };

// File types and permissions as in stat(2).
const modes = { directory: 0o040755, file: 0o100644, executable: 0o100755, symlink: 0o120777 };
const trailer = 'TRAILER!!!';
const alignment = 4;

/** One archive with these entries, in this order. The same entries give the same bytes. */
export function cpioArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts = entries.flatMap((entry, index) => member(index + 1, entry.path, modeOf(entry), contentOf(entry)));
  return Buffer.concat([...parts, ...member(0, trailer, 0, new Uint8Array())]);
}

function modeOf(entry: ArchiveEntry): number {
  return entry.type === 'file' && entry.executable ? modes.executable : modes[entry.type];
}

function contentOf(entry: ArchiveEntry): Uint8Array {
  switch (entry.type) {
    case 'directory':
      return new Uint8Array();
    case 'file':
      return entry.content;
    case 'symlink':
      return Buffer.from(entry.target);
  }
}

function member(inode: number, path: string, mode: number, content: Uint8Array): readonly Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, owner, group, links, modified, size, four device numbers, name size, checksum (unused).
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

const padding = (length: number): Uint8Array => new Uint8Array((alignment - (length % alignment)) % alignment);
