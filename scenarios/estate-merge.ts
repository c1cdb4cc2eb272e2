import type { z } from 'zod';
import type { EstateFile } from './estate-file.ts';
import { nearestWord } from './nearest-word.ts';
import type { hostSchema, linkSchema, vmSchema } from './estate-schema.ts';
import type { Path } from './yaml-file.ts';

/** What a scenario itself says of its estate, as far as names go. */
interface OwnEstate {
  readonly hosts: readonly z.output<typeof hostSchema>[];
  readonly links: readonly z.output<typeof linkSchema>[];
  readonly vms: readonly z.output<typeof vmSchema>[];
  readonly datastores: readonly { readonly name: string }[];
  /** VMs made from a seed, beside those listed. */
  readonly generate?: object | undefined;
}

/** A name that leads nowhere, or one that is used twice. */
export interface ReferenceProblem {
  readonly path: Path;
  readonly message: string;
}

/** The names an estate has, once it is whole. */
export interface EstateNames {
  readonly hosts: readonly string[];
  readonly links: readonly string[];
  readonly datastores: readonly string[];
  /** Nothing where some are made from a seed, so that they cannot be known. */
  readonly vms: readonly string[] | undefined;
}

/** The names in an estate. */
export const namesOf = ({ hosts, links, datastores, vms, generate }: OwnEstate): EstateNames => ({
  hosts: hosts.map(({ name }) => name),
  links: links.map(({ name }) => name),
  datastores: datastores.map(({ name }) => name),
  vms: generate ? undefined : vms.map(({ name }) => name),
});

/**
 * One estate of what a scenario lists and what the estate file it names lists. What the scenario lists stands in for what
 * has the same name in the file; the scenario's links are its own only if it says some.
 */
export function mergeEstate<E extends OwnEstate>(
  own: E,
  listed: EstateFile | undefined,
  says: { readonly links: boolean },
): E {
  if (!listed) return own;
  const links = says.links || listed.links.length === 0 ? overlaid(listed.links, own.links) : listed.links;
  const link = links.some(({ name }) => name === 'wan') ? 'wan' : (links[0]?.name ?? 'wan');
  const vms = listed.vms.map((vm) => ({ ...vm, link: vm.link ?? link }));
  return { ...own, links, hosts: overlaid(listed.hosts, own.hosts), vms: overlaid(vms, own.vms) };
}

function overlaid<T extends { readonly name: string }>(below: readonly T[], above: readonly T[]): T[] {
  const over = new Map(above.map((item) => [item.name, item]));
  const kept = below.map((item) => over.get(item.name) ?? item);
  const there = new Set(below.map(({ name }) => name));
  return [...kept, ...above.filter(({ name }) => !there.has(name))];
}

/** Whether a name is one of a kind that there is; nearest words are looked for only where that helps a person. */
export function reference(
  path: Path,
  name: string,
  kind: string,
  known: readonly string[],
): ReferenceProblem | undefined {
  if (known.includes(name)) return undefined;
  const meant = nearestWord(name, known);
  return { path, message: `must be the name of a ${kind}${meant === undefined ? '' : `; did you mean ${meant}?`}` };
}

// A file of a hundred thousand VMs with a wrong host in each is told well enough by its first mistakes.
const problemsMax = 50;

/** What is wrong with the names in one part of an estate, given those of the whole. `at` is where that part stands. */
export function estateReferences(
  { hosts, links, vms }: Pick<OwnEstate, 'hosts' | 'links'> & { readonly vms: EstateFile['vms'] },
  known: EstateNames,
  at: Path,
): readonly ReferenceProblem[] {
  const problems: ReferenceProblem[] = [...twice(hosts, [...at, 'hosts']), ...twice(links, [...at, 'links'])];
  problems.push(...twice(vms, [...at, 'vms']));
  const knownHosts = new Set(known.hosts);
  const knownLinks = new Set(known.links);
  const knownVms = known.vms && new Set(known.vms);
  const refer = (path: Path, name: string, kind: string, names: readonly string[]): void => {
    const problem = reference(path, name, kind, names);
    if (problem) problems.push(problem);
  };
  for (const [i, { host, link, datastore, disks, writes, after = [] }] of vms.entries()) {
    if (problems.length > problemsMax) break;
    const path = [...at, 'vms', i];
    if (!knownHosts.has(host)) refer([...path, 'host'], host, 'host', known.hosts);
    if (link !== undefined && !knownLinks.has(link)) refer([...path, 'link'], link, 'link', known.links);
    if (datastore !== undefined) refer([...path, 'datastore'], datastore, 'datastore', known.datastores);
    if (writes.bursts && writes.bursts.lasts >= writes.bursts.every)
      problems.push({ path: [...path, 'writes', 'bursts', 'lasts'], message: 'must be shorter than "every"' });
    after.forEach((name, n) => {
      if (known.vms && !knownVms?.has(name)) refer([...path, 'after', n], name, 'VM', known.vms);
    });
    const ids = disks.map(({ id }, n) => id ?? `disk${n}`);
    if (new Set(ids).size < ids.length) problems.push({ path: [...path, 'disks'], message: 'must have different ids' });
    disks.forEach(({ size, used }, n) => {
      if (typeof used === 'number' && used > size)
        problems.push({ path: [...path, 'disks', n, 'used'], message: 'must not be above "size"' });
    });
  }
  return problems;
}

function twice(items: readonly { readonly name: string }[], at: Path): readonly ReferenceProblem[] {
  const seen = new Set<string>();
  return items.flatMap(({ name }, i) => {
    if (seen.has(name)) return [{ path: [...at, i, 'name'], message: 'must not be used twice' }];
    seen.add(name);
    return [];
  });
}
