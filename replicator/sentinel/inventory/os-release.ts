/** What a guest says of its system: `{ id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' }`. */
export interface OsRelease {
  readonly id: string;
  readonly version: string;
  readonly name: string;
}

/** Files in which a system says its name, in the order in which they are believed. */
export const releaseFiles = [
  '/etc/os-release',
  '/usr/lib/os-release',
  '/etc/redhat-release',
  '/etc/SuSE-release',
] as const;

/** Reads `os-release`: assignments as a shell would take them. Undefined if it names no system. */
export function parseOsRelease(text: string): OsRelease | undefined {
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const assignment = /^\s*([A-Z_0-9]+)=(.*?)\s*$/.exec(line);
      return assignment ? [[assignment[1] ?? '', unquoted(assignment[2] ?? '')] as const] : [];
    }),
  );
  const id = values.get('ID') ?? '';
  if (id === '') return undefined;
  const version = values.get('VERSION_ID') ?? '';
  return { id, version, name: values.get('PRETTY_NAME') ?? `${values.get('NAME') ?? id} ${version}`.trim() };
}

/** The systems that had release files of their own before there was `os-release`: RHEL and its kin up to 6, SLES 11. */
export function parseOldRelease(text: string): OsRelease | undefined {
  const name = text.split('\n')[0]?.trim() ?? '';
  const suse = /SUSE Linux Enterprise Server (\d+)/.exec(name);
  if (suse) {
    const patch = /^PATCHLEVEL\s*=\s*(\d+)/m.exec(text)?.[1];
    return { id: 'sles', version: `${suse[1]}${patch === undefined ? '' : `.${patch}`}`, name };
  }
  const redHat = /^(Red Hat|CentOS|Oracle|Scientific)\b.*?release (\d+(?:\.\d+)*)/.exec(name);
  if (!redHat) return undefined;
  const ids = { 'Red Hat': 'rhel', CentOS: 'centos', Oracle: 'ol', Scientific: 'scientific' } as const;
  return { id: ids[redHat[1] as keyof typeof ids], version: redHat[2] ?? '', name };
}

/** Believes `os-release`, and failing that the old files of a few families. */
export const parseRelease = (path: string, text: string): OsRelease | undefined =>
  path.endsWith('/os-release') ? parseOsRelease(text) : parseOldRelease(text);

function unquoted(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (!quoted) return text;
  return quoted[1] === '"' ? (quoted[2] ?? '').replaceAll(/\\([$"\\`])/g, '$1') : (quoted[2] ?? '');
}
