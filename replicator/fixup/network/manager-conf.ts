import type { FixUpTarget } from '#core/ports/fix-up';
import { fixUpSystem, textEdit, together } from '#replicator/fixup/system';
import { fits, isOldDriver, macOf } from './network.ts';

const system = 'networkmanager-conf';
// Keys whose value is a list of devices, each by what it is known by.
const deviceLists =
  /^\s*(?:match-device|unmanaged-devices|managed-devices|no-auto-default|ignore-carrier|assume-ipv6ll-only)\+?\s*=/;

/** NetworkManager's own settings, where they are for some devices: those it leaves alone, those that are set up otherwise. */
export const managerConf = fixUpSystem<readonly string[]>(system, {
  collect: ({ files }) => Object.keys(files).filter((path) => /^\/etc\/NetworkManager\/.*\.conf$/.test(path)),
  render: (paths, { image, target }) =>
    together(
      paths.map((path) => {
        const lines = (image.files[path] ?? '').split('\n');
        const after = lines.map((line) => (deviceLists.test(line) ? devicesOnTarget(line, target) : line));
        return {
          edits: textEdit(image, path, after.join('\n'), {
            ...{ system, what: 'name devices by the driver and the address they have on the target' },
            why: 'what is for a driver or an address that is gone is for no device: NetworkManager would take what it was to leave',
          }),
          findings: [],
        };
      }),
    ),
});

const devicesOnTarget = (line: string, { nics, nicModel }: Pick<FixUpTarget, 'nics' | 'nicModel'>): string =>
  line
    .replaceAll(/(\bdriver:)([^;,\s]+)/g, (match, head: string, driver: string) =>
      isOldDriver(driver) && !fits(driver, nicModel) ? `${head}${nicModel}` : match,
    )
    .replaceAll(/(?<![0-9a-z])[0-9a-f]{2}(?::[0-9a-f]{2}){5}/gi, (match) => {
      const nic = nics.find(({ formerMac }) => formerMac !== undefined && macOf(formerMac) === macOf(match));
      return nic === undefined ? match : nic.mac;
    });
