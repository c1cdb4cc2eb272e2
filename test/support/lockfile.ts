/** The part of package-lock.json that is judged here. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One entry of the lock file, by its folder. */
export interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly license?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * The builds for other platforms that the lock file should name and does not, as entries for it.
 *
 * npm drops from the lock what its registry does not have, and mirrors often carry only some platforms. `npm ci` then
 * refuses the lock ("Missing: ... from lock file"), on every machine. An entry without a checksum is enough for it: a
 * build for a platform is fetched only there.
 */
export function missingPlatforms({ packages }: Lockfile): Readonly<Record<string, LockedPackage>> {
  const missing: Record<string, LockedPackage> = {};
  for (const [folder, { optionalDependencies = {}, dev, license, engines }] of Object.entries(packages))
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (`node_modules/${name}` in packages || `${folder}/node_modules/${name}` in packages) continue;
      missing[`node_modules/${name}`] = {
        version,
        ...platformOf(name),
        ...(dev === true ? { dev } : {}),
        ...(license === undefined ? {} : { license }),
        optional: true,
        ...(engines === undefined ? {} : { engines }),
      };
    }
  return missing;
}

/** The lock file with those entries, in npm's order. */
export function completed<L extends Lockfile>(lock: L): L {
  const entries = Object.entries({ ...lock.packages, ...missingPlatforms(lock) });
  const byFolder = entries.toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lock, packages: Object.fromEntries(byFolder) };
}

// The names are `<scope>/[binding-]<os>-<cpu>[-<libc or compiler>]`, whoever publishes them.
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const [os = '', cpu = '', flavour = ''] = name.replace(/^.*\/(binding-)?/, '').split('-');
  return { cpu: [cpu], os: [os], ...(os === 'linux' ? { libc: [flavour.startsWith('musl') ? 'musl' : 'glibc'] } : {}) };
}
