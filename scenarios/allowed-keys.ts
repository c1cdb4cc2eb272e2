interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly const?: unknown;
}

/** The keys that a file of this kind may have at a path, as the JSON Schema for editors has them. */
export function keysAllowed(schema: Schema, kind: string, path: readonly PropertyKey[]): readonly string[] {
  let at = formsOf(schema).filter(({ properties }) => properties?.['kind']?.const === kind);
  for (const step of path) at = at.flatMap((schema) => below(schema, step)).flatMap(formsOf);
  return [...new Set(at.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

function formsOf(schema: Schema): readonly Schema[] {
  const forms = schema.anyOf ?? schema.oneOf;
  return forms ? forms.flatMap(formsOf) : [schema];
}

function below(schema: Schema, step: PropertyKey): readonly Schema[] {
  if (typeof step === 'number') return schema.items ? [schema.items] : [];
  const { properties, additionalProperties } = schema;
  const named = properties && Object.hasOwn(properties, step) ? properties[String(step)] : undefined;
  if (named) return [named];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}
