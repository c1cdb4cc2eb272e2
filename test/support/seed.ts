import { configureGlobal } from 'fast-check';
import { inject } from 'vitest';

// Every property of a run draws from one seed, so that a failure anywhere is replayed with `SEED=<n> npm test`.
configureGlobal({ seed: inject('seed') });
