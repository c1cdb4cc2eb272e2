import { cpus } from 'node:os';

/** How many processors the guest has; at least one. Node has a better word for it only from 18.14 on. */
export const processorCount = (): number => Math.max(1, cpus().length);
