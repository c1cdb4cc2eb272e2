/** What is known of a Windows guest beside what is known of every guest. */
export interface WindowsGuest {
  /** As Windows calls it: `ServerStandard`, `Professional`. Empty if it does not say. */
  readonly edition: string;
  /** The build decides what Windows can: 7601 is 2008 R2 and 7, 9200 is 2012 and 8, 20348 is 2022. */
  readonly build: number;
  readonly architecture: 'x64' | 'x86' | 'arm64' | 'unknown';
  /** Where Windows is in the tree of its volume, in that tree's spelling: `/Windows`. */
  readonly folder: string;
  readonly volume: WindowsVolume;
  readonly hives: { readonly system: WindowsHive; readonly software: WindowsHive };
  /** Control sets it may start from, the one it last ran with first. Empty if the registry names none that is there. */
  readonly controlSets: readonly string[];
  /**
   * Keys a plan looks at, by their full names; null for one that is not there. A key that is not named was not looked at.
   * Names differ by more than case.
   */
  readonly registry: Readonly<Record<string, RegistryValues | null>>;
  /** Hardware that matters here and that Windows has a driver for, in use or in store: `PCI\VEN_1000&DEV_0054`. */
  readonly knownHardware: readonly string[];
  /** Boot loaders by where they are on their own volume: `/bootmgr`, `/EFI/Microsoft/Boot/bootmgfw.efi`. */
  readonly loaders: readonly string[];
}

/** The volume Windows is on, and whether it may be written from outside. */
export interface WindowsVolume {
  readonly device: string;
  /**
   * `hibernated`: memory of a session is kept in it, by hibernation or fast startup, and that session will write over
   * what is changed. `unclean`: its journal has changes that were not made yet. `dirty`: Windows wants it checked.
   */
  readonly state: 'clean' | 'hibernated' | 'unclean' | 'dirty' | 'damaged';
}

/** One file of the registry. */
export interface WindowsHive {
  readonly path: string;
  /** Whether all that Windows wrote is in it: else the newest is in its logs only. */
  readonly isClean: boolean;
}

/** Values of a key by their names; the default value has an empty name. */
export type RegistryValues = Readonly<Record<string, RegistryValue>>;

/** A value of the registry. What has no form of its own is bytes: `type` is then the number of its kind. */
export type RegistryValue =
  | { readonly type: 'string' | 'expandable'; readonly text: string }
  | { readonly type: 'strings'; readonly texts: readonly string[] }
  | { readonly type: 'number'; readonly number: number }
  | { readonly type: 'bytes'; readonly kind: number; readonly hex: string };
