import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';
import { applied, type Mutant } from './mutant.ts';

/**
 * What the compiler says of files that have a mutant in them, a sentence each: a mutant that does not compile is caught
 * by nobody who looks for bugs. Each stands as a file of its own beside the one it was made of, all in one program, so
 * that this costs as much as one compilation; what a mutant does to the types of other files is left out.
 */
export function typeErrors(mutants: readonly Mutant[]): readonly string[] {
  const texts = new Map(
    mutants.map((mutant) => [pathOf(mutant), applied(readFileSync(mutant.file, 'utf8'), mutant)] as const),
  );
  const options = compilerOptions();
  const host = ts.createCompilerHost(options, true);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...how) => {
    const text = texts.get(path);
    return text === undefined ? getSourceFile(path, version, ...how) : ts.createSourceFile(path, text, version, true);
  };
  const program = ts.createProgram({ rootNames: [...texts.keys()], options, host });
  return mutants.flatMap((mutant) => {
    const source = program.getSourceFile(pathOf(mutant));
    if (!source) return [`${mutant.id}: it is not part of the program`];
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${mutant.id}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}

const pathOf = ({ id, file }: Mutant): string => resolve(file.replace(/\.ts$/, `.mutant-${id}.ts`));

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as { config: unknown };
  const { tsBuildInfoFile: _none, ...options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd()).options;
  // What a mutant no longer uses is no mistake of its types.
  return { ...options, noUnusedLocals: false, noUnusedParameters: false, incremental: false };
}
