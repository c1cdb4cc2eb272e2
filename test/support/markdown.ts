/** One fenced block of a Markdown file. */
export interface Fenced {
  /** `path:line` of the line after the fence. */
  readonly where: string;
  /** What stands behind the backticks: `ts`, `ts run`, `sh`. */
  readonly info: string;
  readonly code: string;
}

/** The fenced blocks of a Markdown text. A fence that is never closed takes the rest, as renderers do. */
export function fencedBlocks(path: string, markdown: string): readonly Fenced[] {
  const blocks: Fenced[] = [];
  let open: { info: string; line: number; code: string[] } | undefined;
  markdown.split('\n').forEach((text, index) => {
    const fence = /^```(.*)$/.exec(text);
    if (open === undefined) {
      if (fence) open = { info: (fence[1] ?? '').trim(), line: index + 2, code: [] };
    } else if (fence) {
      blocks.push({ where: `${path}:${open.line}`, info: open.info, code: open.code.join('\n') });
      open = undefined;
    } else open.code.push(text);
  });
  if (open !== undefined) blocks.push({ where: `${path}:${open.line}`, info: open.info, code: open.code.join('\n') });
  return blocks;
}

/** The text without its fenced blocks. */
export const proseOf = (markdown: string): string => markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
