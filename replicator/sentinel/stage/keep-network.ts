import type { Check } from '#core/migration/facts';
import { seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { type LinkFound, parseAddresses, readLinks, readRoutes } from '#replicator/sentinel/inventory/links';
import { readInitSystem } from '#replicator/sentinel/inventory/services';
import { additionsOf, type NetworkFound, type NetworkRepair, renamesOf } from './network-repair.ts';
import type { StageSource } from './stage-file.ts';

const limit = seconds(60);
// Whoever of these runs configures a card by its name, and has to be told that the name is there now.
const networkServices = ['NetworkManager', 'systemd-networkd', 'networking', 'wicked', 'network'] as const;

/** Makes names, addresses and routes what they were, and says what it did and could not do. May be repeated. */
export async function keepNetwork(system: GuestControl, source: StageSource): Promise<readonly Check[]> {
  const renames = renamesOf(source, await readNetwork(system));
  const trouble = await rename(system, renames);
  const additions = additionsOf(source, await readNetwork(system));
  for (const addition of additions) {
    const args =
      addition.type === 'address'
        ? ['addr', 'add', addition.address, 'dev', addition.nic]
        : addition.type === 'route'
          ? ['route', 'add', ...addition.route.split(' ')]
          : undefined;
    if (args === undefined) continue;
    const added = await system.run('ip', args, { timeout: limit });
    if (added.status !== 0) trouble.push(`ip ${args.join(' ')}: ${added.stderr.trim()}`);
  }
  return [
    summary([...renames, ...additions], trouble),
    ...renames.filter((one) => one.type === 'missing').map(missing),
  ];
}

function summary(repairs: readonly NetworkRepair[], trouble: readonly string[]): Check {
  const done = repairs.filter(({ type }) => type !== 'missing').map(describe);
  if (trouble.length > 0)
    return {
      ...{ id: 'network-kept', verdict: 'warning', message: trouble.join('; ') },
      remedy: "look at the guest's network configuration on the console",
    };
  const message = done.length === 0 ? 'names, addresses and routes are as they were' : `repaired: ${done.join(', ')}`;
  return { id: 'network-kept', verdict: 'passed', message, remedy: '' };
}

function describe(repair: NetworkRepair): string {
  switch (repair.type) {
    case 'rename':
      return `${repair.from} is ${repair.to} again`;
    case 'address':
      return `${repair.address} on ${repair.nic}`;
    case 'route':
      return `route ${repair.route}`;
    case 'missing':
      return `no card for ${repair.nic}`;
  }
}

const missing = ({ nic, mac }: Extract<NetworkRepair, { readonly type: 'missing' }>): Check => ({
  ...{ id: `nic-kept:${nic}`, verdict: 'failed', message: `no network card is ${nic} (${mac})` },
  remedy: 'give the target as many network cards as the source has',
});

const readNetwork = async (system: GuestControl): Promise<NetworkFound> => {
  const addresses = await system.run('ip', ['-o', 'addr', 'show'], { timeout: limit });
  const links = await readLinks(system, parseAddresses(addresses.stdout));
  return {
    nics: links.filter(isCard).map(({ nic }) => nic),
    routes: await readRoutes(system),
  };
};

const isCard = ({ nic }: LinkFound): boolean => !['vlan', 'bond', 'bridge', 'team'].includes(nic.driver);

/** All at once by way of names that nobody has, since two cards may have exchanged theirs. Returns what went wrong. */
async function rename(system: GuestControl, repairs: readonly NetworkRepair[]): Promise<string[]> {
  const trouble: string[] = [];
  const renames = repairs.filter((one) => one.type === 'rename');
  const set = async (...args: readonly string[]): Promise<void> => {
    const done = await system.run('ip', ['link', 'set', 'dev', ...args], { timeout: limit });
    if (done.status !== 0) trouble.push(`ip link set dev ${args.join(' ')}: ${done.stderr.trim()}`);
  };
  for (const [index, { from }] of renames.entries()) {
    await set(from, 'down');
    await set(from, 'name', `sealift${index}`);
  }
  for (const [index, { to }] of renames.entries()) {
    await set(`sealift${index}`, 'name', to);
    await set(to, 'up');
  }
  for (const { to, mac } of renames) {
    const why = await keepName(system, to, mac);
    if (why !== undefined) trouble.push(why);
  }
  if (renames.length > 0) await tellNetwork(system);
  return trouble;
}

/** So that the next boot gives the name at once. */
async function keepName(system: GuestControl, name: string, mac: string): Promise<string | undefined> {
  if ((await readInitSystem(system)) === 'systemd')
    return system.replace(
      `/etc/systemd/network/10-sealift-${name}.link`,
      `[Match]\nMACAddress=${mac}\n\n[Link]\nName=${name}\n`,
    );
  return system.replace(
    `/etc/udev/rules.d/70-sealift-${name}.rules`,
    `SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", NAME="${name}"\n`,
  );
}

async function tellNetwork(system: GuestControl): Promise<void> {
  const systemd = (await readInitSystem(system)) === 'systemd';
  for (const service of networkServices) {
    const asked = systemd
      ? await system.run('systemctl', ['is-active', `${service}.service`], { timeout: limit })
      : await system.run('service', [service, 'status'], { timeout: limit });
    if (asked.status !== 0) continue;
    if (systemd) await system.run('systemctl', ['restart', `${service}.service`], { timeout: limit });
    else await system.run('service', [service, 'restart'], { timeout: limit });
  }
}
