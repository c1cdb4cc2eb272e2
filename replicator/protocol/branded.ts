import { z } from 'zod';

/** A shape of what comes from outside, as a unit or an id. Their constructors throw; a message is answered instead. */
export const branded = <T extends string | number>(make: (value: never) => T, base: z.ZodType) =>
  base.transform((value, context) => {
    try {
      return make(value as never);
    } catch (cause) {
      context.issues.push({
        code: 'custom',
        message: cause instanceof Error ? cause.message : 'not valid',
        input: value,
      });
      return z.NEVER;
    }
  });
