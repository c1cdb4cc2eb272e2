import { spellFault, type Fault } from './fault.ts';
import type { DiskChange, Period } from './spell.ts';

/** Somebody adds a disk to a source that is being migrated, or makes one larger; and undoes it when the period is over. */
export const diskChanged = (period: Period, { vm, ...change }: { readonly vm: string } & DiskChange): Fault =>
  spellFault({ ...period, begin: (stage) => stage.changeDisks(vm, change) });
