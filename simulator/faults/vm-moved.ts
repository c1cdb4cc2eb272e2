import { spellFault, type Fault } from './fault.ts';
import type { Timing } from './spell.ts';
import { millis } from '#core/units';

/** A source moves to another host of its platform while it runs, and stays there. Its stream breaks. */
export const vmMoved = (
  when: Timing,
  { vm, host, tracking }: { readonly vm: string; readonly host: string; readonly tracking: 'kept' | 'lost' },
): Fault => ({
  ...spellFault({
    when,
    lasts: millis(0),
    begin(stage) {
      stage.moveVm(vm, host, tracking);
      return () => undefined;
    },
  }),
  sentinels: [vm],
});
