import { z } from 'zod';
import { constantTree, type AssumptionChanges } from '#simulator/flow/assumptions';
import { isConstant, type Constant, type ConstantKind, type ConstantTree } from '#simulator/flow/constant';
import { durationText, rateText, shareText, sizeText, spanText } from './quantity.ts';

const positive = { error: () => 'must be above zero' };
const count = () => {
  const error = () => 'must be a whole number from 1 on';
  return z.int({ error }).min(1, { error });
};

// What is nothing would never let anything through.
const schemas: Readonly<Record<ConstantKind, () => z.ZodType>> = {
  span: () => spanText,
  size: () => sizeText.refine((size) => size > 0, positive),
  rate: () => rateText.refine((rate) => rate > 0, positive),
  duration: () => durationText,
  share: () => shareText,
  count,
};

const constantSchema = ({ kind, what, source }: Constant): z.ZodType =>
  schemas[kind]()
    .optional()
    .meta({ description: `${what[0]?.toUpperCase()}${what.slice(1)} (${source}).` });

const groupSchema = (tree: ConstantTree): z.ZodType =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(tree).map(([name, branch]) => [
        name,
        isConstant(branch) ? constantSchema(branch) : groupSchema(branch).optional(),
      ]),
    ),
  );

/** What a rehearsal assumes otherwise than `simulator/flow/ASSUMPTIONS.md` has it: any part of it, made from the constants. */
export const assumptionsSchema = groupSchema(constantTree) as z.ZodType<AssumptionChanges>;
