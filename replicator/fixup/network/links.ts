import { iniLines, settingOf, termsIn } from './ini-lines.ts';
import { isForNics, matchKeys, matchValues, writeMatch } from './networkd.ts';
import { networkSystem } from './network-system.ts';

const folder = '/etc/systemd/network/';
const driverKeys =
  /^((Receive|Transmit)ChecksumOffload|(TCP|TCP6|Generic)SegmentationOffload|(Generic|Large)ReceiveOffload(Hardware)?|(Rx|Tx|Combined|Other)(Channels|BufferSize|MiniBufferSize|JumboBufferSize)|(Rx|Tx)FlowControl|BitsPerSecond|Duplex|AutoNegotiation|WakeOnLan)$/;

/** .link files, by which systemd-udevd gives NICs their names when they appear; the first that fits counts. */
export const links = networkSystem({
  name: 'nic-name',
  isFirstTaken: true,
  collect: (files) => {
    const paths = Object.keys(files).filter((path) => path.startsWith(folder) && path.endsWith('.link'));
    if (paths.length === 0) return undefined;
    return paths.toSorted().map((path) => {
      const lines = iniLines(path, files[path] ?? '');
      const gives = settingOf(lines, 'Link', 'Name');
      const { Name: _, ...keys } = matchKeys;
      return {
        ...{ id: path.slice(folder.length), path, kind: isForNics(lines) ? ('nic' as const) : ('virtual' as const) },
        terms: termsIn(lines, 'Match', { ...keys, OriginalName: 'kernelName' }, matchValues),
        names: [],
        ...(gives !== undefined && { gives }),
        ...{ uses: [], isNeeded: false },
        options: lines
          .filter(({ section, key }) => section === 'Link' && driverKeys.test(key))
          .map(({ key, value }) => `${key}=${value}`),
      };
    });
  },
  write: writeMatch,
});
