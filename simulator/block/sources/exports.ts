import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { contentDevice } from '#simulator/block/disk/content-device';
import type { DiskContent } from '#simulator/block/disk/disk-content';

/** A disk that somebody may read over the network. */
export interface ShownDisk {
  readonly content: DiskContent;
  /** What changed, under the name of the context that tells it. */
  readonly changes: { readonly context: string; readonly extents: () => readonly Extent[] } | undefined;
  /** Asked at every call: why nobody can read it any more, if so. */
  readonly gone: () => string | undefined;
}

/** A source that is open for reading, in the shape in which the gateway opens disks. */
export interface OpenedExport {
  readonly device: BlockDevice;
  readonly changes: ((range: Extent) => Promise<Result<readonly Extent[], DeviceError>>) | undefined;
  readonly identity: undefined;
  readonly modifiedMs: undefined;
}

/** Why a disk of the world could not be opened. */
export type OpenExportError = { readonly type: 'DiskUnavailable'; readonly disk: string; readonly detail: string };

/** All disks of a world that are shown by NBD, by their addresses. */
export interface SimulatedExports {
  /** Shows a disk under an address; whatever was shown there before is not shown any more. */
  show(uri: string, disk: ShownDisk): void;
  /** What is shown under an address and can be read. */
  shown(uri: string): ShownDisk | undefined;
  /** Opens what a locator names: the one of a simulated hypervisor, and no other. */
  openExport(locator: DiskLocator): Promise<Result<OpenedExport, OpenExportError>>;
}

/** Makes a registry. Nothing is shown. */
export function simulatedExports(): SimulatedExports {
  const all = new Map<string, ShownDisk>();
  const shown: SimulatedExports['shown'] = (uri) => {
    const disk = all.get(uri);
    return disk?.gone() === undefined ? disk : undefined;
  };
  return {
    show: (uri, disk) => void all.set(uri, disk),
    shown,
    async openExport(locator) {
      if (locator.type !== 'nbd') return unavailable(locator.type, 'this world shows disks by NBD only');
      const disk = shown(locator.uri);
      if (disk === undefined)
        return unavailable(locator.uri, all.get(locator.uri)?.gone() ?? 'there is no such export');
      const wanted = locator.changesContext;
      if (wanted !== undefined && disk.changes?.context !== wanted)
        return unavailable(locator.uri, `the export has no context ${wanted}`);
      const changes = wanted === undefined ? undefined : disk.changes;
      return ok({
        device: contentDevice(disk.content, { gone: disk.gone }),
        changes: changes && ((range) => changesWithin(disk, changes.extents, range)),
        identity: undefined,
        modifiedMs: undefined,
      });
    },
  };
}

const unavailable = (disk: string, detail: string): Result<never, OpenExportError> =>
  err({ type: 'DiskUnavailable', disk, detail });

async function changesWithin(
  disk: ShownDisk,
  extents: () => readonly Extent[],
  range: Extent,
): Promise<Result<readonly Extent[], DeviceError>> {
  const why = disk.gone();
  if (why !== undefined) return err({ type: 'ConnectionLost', detail: why });
  return ok(
    extents().flatMap((changed) => {
      const start = Math.max(changed.start, range.start);
      const end = Math.min(extentEnd(changed), extentEnd(range));
      return start < end ? [extent(start, end - start)] : [];
    }),
  );
}
