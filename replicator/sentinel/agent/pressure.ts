import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { pressureLow, type Pressure } from './give-way.ts';
import { processorCount } from './processors.ts';

/** How much others in this system wait. `root` is where `/proc` and `/sys` are below. */
export async function pressureOf(root = '/'): Promise<Pressure> {
  const some = async (path: string): Promise<number | undefined> => {
    const text = await readFile(`${root}${path}`, 'utf8').catch(() => '');
    const found = /^some avg10=([\d.]+)/.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const group = /^0::(\/\S*)$/m.exec(await readFile(`${root}proc/self/cgroup`, 'utf8').catch(() => ''))?.[1] ?? '/';
  const waits = await Promise.all(
    (['cpu', 'io', 'memory'] as const).map(async (what) => {
      const all = await some(`proc/pressure/${what}`);
      if (all === undefined) return undefined;
      const own = group === '/' ? 0 : ((await some(`sys/fs/cgroup${group}/${what}.pressure`)) ?? 0);
      return Math.max(0, all - own);
    }),
  );
  const known = waits.filter((wait) => wait !== undefined);
  return known.length > 0 ? Math.max(...known) : loadPressure(loadavg()[0] ?? 0, processorCount());
}

/** One process may run on each processor, and one of them is ours. Each beyond that waits. */
const loadPressure = (load: number, processors: number): Pressure =>
  Math.max(0, Math.min(100, ((load - 1 - processors) / processors) * 100 + pressureLow));
