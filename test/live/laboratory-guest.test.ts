import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { minutes } from '#core/units';
import { guestImage } from '#replicator/connectors/laboratory/guest/build';
import { describeGuestImageError, type GuestImage } from '#replicator/connectors/laboratory/guest/guest-image';
import { startLoad, verifyLoad } from '#replicator/connectors/laboratory/guest/load';
import { sourceVm, type SourceVm } from '#replicator/connectors/laboratory/guest/source-vm';
import { startRecorder, type Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';

const programs = needs('mmdebstrap', 'guestfish', 'sfdisk', 'mke2fs', 'qemu-system-x86_64', 'qemu-img', 'linux-kernel');
const bootMax = minutes(8); // Half a minute on an idle host.

describe.skipIf(!programs.available)(programs.title('a Debian guest that was installed on virtio'), () => {
  let directory: string;
  let image: GuestImage;
  let source: SourceVm;
  let recorder: Recorder;
  let refusal: string | undefined;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
    recorder = valueOf(await startRecorder({ path: join(directory, 'acknowledged') }));
    const built = await guestImage();
    if (!built.ok) throw new Error(describeGuestImageError(built.error));
    image = built.value;
    source = valueOf(await sourceVm({ directory: join(directory, 'source'), image, refusesPowerOff: () => refusal }));
  }, minutes(20));
  afterAll(async () => {
    await source?.remove();
    await recorder?.close();
    await rm(directory, { recursive: true, force: true });
  });
  const root = async (command: string): Promise<string> => {
    const { status, output } = valueOf(await source.shell.run(command));
    if (status !== 0) throw new Error(`${command}: ${output}`);
    return output.trim();
  };

  it('writes to both disks and acknowledges outside what is safe', { timeout: bootMax + minutes(6) }, async () => {
    valueOf(await source.power.powerOn());
    valueOf(await source.shell.ready(bootMax));
    valueOf(await startLoad(source.shell, { port: recorder.port, perSecond: 20 }));
    expect((await recorder.reached(50, AbortSignal.timeout(minutes(3)))).upTo).toBeGreaterThanOrEqual(50);
    const verified = valueOf(await verifyLoad(source.shell, recorder));
    expect(verified.missing).toEqual([]);
    expect(verified.report.upTo).toBeGreaterThanOrEqual(50);

    expect(
      await root(
        'hostname; ls /sys/class/net; for at in / /srv; do findmnt -rno FSTYPE,SOURCE $at; done; systemctl --failed -q',
      ),
    ).toBe('laboratory-guest\nens3\nlo\next4 /dev/vda1\nxfs /dev/mapper/data-srv');
    const bundle = Buffer.alloc(300_000, 'bundle');
    valueOf(await source.shell.upload(bundle, '/root/bundle.tgz'));
    expect(await root('stat -c %s /root/bundle.tgz')).toBe('300000');
  });

  it(
    'loses its network and gets it back, and refuses to be powered off where it is told to',
    { timeout: minutes(6) },
    async () => {
      valueOf(await source.power.disconnect());
      expect(await root('cat /sys/class/net/ens3/carrier')).toBe('0');
      valueOf(await source.power.reconnect());
      const { upTo } = recorder.acknowledged();
      expect((await recorder.reached(upTo + 5, AbortSignal.timeout(minutes(2)))).upTo).toBeGreaterThan(upTo);

      refusal = 'the host holds a lock on the VM';
      expect(await source.power.powerOff()).toEqual({
        ok: false,
        error: { type: 'Refused', operation: 'powerOff', detail: refusal },
      });
      expect(valueOf(await source.power.state())).toBe('running');
      refusal = undefined;
      valueOf(await source.power.powerOff());
      expect(valueOf(await source.power.state())).toBe('off');
      valueOf(await source.power.annotate('moved away'));
      expect(await source.notes()).toEqual(['moved away']);
    },
  );
});
