import type { Edit, FixUpError } from '#core/ports/fix-up';
import type { RegistryValue, RegistryValues } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import { parseRegistryText } from '#replicator/fixup/windows/registry-text';
import type { InstalledKernel, InstalledSystem } from '#simulator/endpoints/guest/installed-system';

/** Makes one edit of a plan in what is installed. */
export function makeEdit(system: InstalledSystem, edit: Edit): Result<InstalledSystem, FixUpError> {
  if (edit.run !== undefined) return runIn(system, edit.run, edit.path);
  return edit.hive === undefined ? editText(system, edit) : editHive(system, edit);
}

function editText(system: InstalledSystem, { path, before, after, keeps }: Edit): Result<InstalledSystem, FixUpError> {
  const text = system.files[path];
  if (text !== before && text !== after)
    return err({ type: 'ImageUnusable', detail: `${path} is not what the plan was made from; make a new plan` });
  const { [path]: _former, ...others } = system.files;
  const kept = text !== undefined && keeps !== undefined && system.files[keeps] === undefined ? { [keeps]: text } : {};
  return ok({ ...system, files: { ...others, ...kept, ...(after !== undefined && { [path]: after }) } });
}

function editHive(system: InstalledSystem, { id, after = '' }: Edit): Result<InstalledSystem, FixUpError> {
  const states = parseRegistryText(after);
  if (!states.ok) return err({ type: 'ToolFailed', step: id, detail: states.error });
  let registry: Record<string, RegistryValues> = { ...system.registry };
  for (const state of states.value) {
    const name = Object.keys(registry).find((key) => key.toLowerCase() === state.key.toLowerCase()) ?? state.key;
    if (state.isAbsent) {
      const isGone = (key: string): boolean => `${key.toLowerCase()}\\`.startsWith(`${name.toLowerCase()}\\`);
      registry = Object.fromEntries(Object.entries(registry).filter(([key]) => !isGone(key)));
    } else registry[name] = withValues(registry[name], state.values);
  }
  return ok({ ...system, registry });
}

function withValues(
  former: RegistryValues | undefined,
  changes: ReadonlyMap<string, RegistryValue | undefined>,
): RegistryValues {
  const values: Record<string, RegistryValue> = { ...former };
  for (const [name, value] of changes)
    if (value === undefined) delete values[name];
    else values[name] = value;
  return values;
}

/** Whether an edit makes an initramfs, which takes long. */
export const makesInitramfs = ({ run }: Edit): boolean => run?.[0] === 'update-initramfs' || run?.[0] === 'dracut';

/** Runs a program of the guest in its own tree, as far as it matters to how it boots. */
function runIn(system: InstalledSystem, run: readonly string[], path: string): Result<InstalledSystem, FixUpError> {
  const [program = ''] = run;
  switch (program) {
    case 'cp':
      return system.present.includes(run[1] ?? '')
        ? ok({ ...system, present: [...new Set([...system.present, path])] })
        : err({ type: 'ToolFailed', step: run.join(' '), detail: `${run[1]} is not there` });
    case 'update-initramfs':
    case 'dracut':
      return rebuilt(system, run.at(-1) ?? '', program, path);
    case 'setfiles':
      return ok(system);
    default:
      return err({ type: 'ToolFailed', step: run.join(' '), detail: `${program}: not found` });
  }
}

function rebuilt(
  system: InstalledSystem,
  version: string,
  program: 'update-initramfs' | 'dracut',
  path: string,
): Result<InstalledSystem, FixUpError> {
  if (!system.kernels.some((kernel) => kernel.version === version))
    return err({ type: 'ToolFailed', step: `${program} ${version}`, detail: `${version} is not installed` });
  const kernels = system.kernels.map((kernel) =>
    kernel.version === version
      ? {
          ...kernel,
          initramfs: {
            ...{ path, size: kernel.initramfs?.size ?? 9_000_000, programs: kernel.initramfs?.programs ?? [] },
            modules: packed(system.files, kernel, program),
          },
        }
      : kernel,
  );
  return ok({ ...system, kernels });
}

/**
 * What goes into an initramfs: of what the kernel has, what is named, and what the machine needs that it is made on.
 * @source initramfs.conf(5), initramfs-tools 0.142: MODULES=most packs most, dep what the present machine needs, list what is named.
 * @source dracut.conf(5), dracut 057: add_drivers names modules beside those of the present machine.
 * @differs An initramfs that is made anew keeps what the former one had: whatever the machine needs that it was made on.
 */
function packed(
  files: InstalledSystem['files'],
  { drivers, initramfs }: InstalledKernel,
  program: 'update-initramfs' | 'dracut',
): readonly string[] {
  const has = (name: string): boolean => drivers[name] === 'module';
  const former = initramfs?.modules ?? [];
  if (program === 'dracut') {
    const texts = Object.entries(files).filter(([path]) => path.startsWith('/etc/dracut.conf'));
    const named = texts.flatMap(([, text]) =>
      [...text.matchAll(/^\s*(?:add|force)_drivers\+?="([^"]*)"/gm)].flatMap(([, names = '']) =>
        names.trim().split(/\s+/),
      ),
    );
    return [...new Set([...former, ...named])].filter(has);
  }
  const named = (files['/etc/initramfs-tools/modules'] ?? '')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().replaceAll('-', '_'));
  const chosen = modulesChosen(files);
  const most = chosen === 'most' ? Object.keys(drivers) : chosen === 'dep' ? former : [];
  return [...new Set([...most, ...named])].filter(has);
}

function modulesChosen(files: InstalledSystem['files']): string {
  const paths = Object.keys(files).filter((path) => path.startsWith('/etc/initramfs-tools/conf.d/'));
  return ['/etc/initramfs-tools/initramfs.conf', ...paths.toSorted()].reduce(
    (chosen, path) => /^\s*MODULES=(\w+)/m.exec(files[path] ?? '')?.[1] ?? chosen,
    'most',
  );
}
