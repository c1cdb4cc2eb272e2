import { z } from 'zod';
import { hostSchema, linkSchema, text, vmSchema } from './estate-schema.ts';
import { nameText } from './migration-scenario.ts';

const estateFileSchema = z.strictObject({
  kind: z.literal('estate', { error: () => 'must be estate' }),
  title: text('a title').optional().meta({ description: 'One line for a list.' }),
  hosts: z.array(hostSchema).default([]),
  links: z
    .array(linkSchema)
    .default([])
    .meta({ description: 'Used by a scenario that names this file and lists no links of its own.' }),
  vms: z
    .array(
      vmSchema.extend({
        link: nameText('the name of a link')
          .optional()
          .meta({ description: 'If not given, "wan", or the first link there is.' }),
      }),
    )
    .min(1, { error: () => 'must list at least one VM' }),
});

/** What is at the source, generated or imported: a scenario names the file that holds it. */
export type EstateFile = z.output<typeof estateFileSchema>;

/** The JSON Schema for editors: `scenarios/estate.schema.json` holds it, a test keeps that file current. */
export const estateJsonSchema = (): object => ({
  ...z.toJSONSchema(estateFileSchema, { io: 'input', target: 'draft-7' }),
  title: 'Sealift estate',
});

/** How an estate file is read. A hundred thousand VMs are some thirty megabytes. */
export const estateFileKind = { schema: estateFileSchema, jsonSchema: estateJsonSchema, textMax: 100_000_000 };
