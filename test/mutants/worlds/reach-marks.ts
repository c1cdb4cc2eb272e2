import ts from 'typescript';
import type { Mutant } from '#test/mutants/mutant';

/** What marks call, and where those say it that are passed before anybody listens. */
export interface MarkedGlobal {
  sealiftMutantReached?: (id: string) => void;
  sealiftMutantsAtLoad?: string[];
}

/** Stands in front of a module with marks. */
export const markedBanner =
  'globalThis.sealiftMutantsAtLoad = []; globalThis.sealiftMutantReached = (id) => globalThis.sealiftMutantsAtLoad.push(id);';

interface Insertion {
  readonly at: number;
  readonly text: string;
  /** Of several at one place: what opens inside stands behind what opens outside. */
  readonly rank: number;
}

/**
 * The source of a file in which the line of each mutant says that it is executed; it does the same as before. A mark
 * stands before the smallest piece that runs as a whole: a statement, a branch of a condition, the body of an arrow. What
 * runs once when the file is loaded, such as a table, is reached by every world.
 */
export function marked(path: string, source: string, mutants: readonly Mutant[]): string {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const insertions = mutants.flatMap((mutant, rank) => marksOf(file, placeOf(source, mutant), mutant.id, rank));
  // From the end, so that what was inserted moves nothing that is still to be.
  const inOrder = insertions.toSorted((a, b) => b.at - a.at || b.rank - a.rank);
  return inOrder.reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), source);
}

/** The first character that differs, or the first one behind it that is code. */
function placeOf(source: string, { id, find, replace }: Mutant): number {
  const start = source.indexOf(find);
  if (start < 0) throw new Error(`mutant ${id} does not apply`);
  let same = 0;
  while (same < find.length - 1 && find[same] === replace[same]) same += 1;
  while (/\s/.test(source[start + same] ?? '')) same += 1;
  return start + same;
}

function marksOf(file: ts.SourceFile, place: number, id: string, rank: number): readonly Insertion[] {
  const call = `globalThis.sealiftMutantReached(${JSON.stringify(id)})`;
  const around = (node: ts.Node, open: string, close: string): readonly Insertion[] => [
    { at: node.getStart(file), text: open, rank },
    { at: node.getEnd(), text: close, rank: -rank - 1 },
  ];
  for (let node = innermost(file, place); ; node = node.parent) {
    const { parent } = node;
    if (ts.isStatement(node) && !ts.isBlock(node))
      return ts.isSourceFile(parent) || ts.isBlock(parent) || ts.isCaseOrDefaultClause(parent)
        ? [{ at: node.getStart(file), text: `${call}; `, rank }]
        : around(node, `{ ${call}; `, ' }');
    if (runsAlone(node)) return around(node, `(${call}, `, ')');
    if (ts.isSourceFile(node)) throw new Error(`nothing of ${file.fileName} is executed at ${place}`);
  }
}

/** Whether an expression may be left out while what it stands in is executed. */
function runsAlone(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isArrowFunction(parent)) return parent.body === node && !ts.isBlock(node);
  if (ts.isConditionalExpression(parent)) return parent.condition !== node && ts.isExpression(node);
  return ts.isBinaryExpression(parent) && parent.right === node && isShort.has(parent.operatorToken.kind);
}

const isShort: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

function innermost(file: ts.SourceFile, place: number): ts.Node {
  let found: ts.Node = file;
  for (;;) {
    const inner: ts.Node | undefined = ts.forEachChild(found, (child) =>
      child.getStart(file) <= place && place < child.getEnd() ? child : undefined,
    );
    if (!inner) return found;
    found = inner;
  }
}
