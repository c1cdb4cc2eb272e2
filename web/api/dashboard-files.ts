import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { Hono } from 'hono';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.map': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
};

/**
 * The files of the built dashboard. Those in `assets/` carry a digest in their name and never change; the page itself is
 * asked for anew each time, so that a new release is seen at once.
 */
export const dashboardFiles = (folder: string) =>
  new Hono().get('/*', async (c, next) => {
    const path = c.req.path === '/' ? '/index.html' : c.req.path;
    const file = fileWithin(folder, path);
    const content = file === undefined ? undefined : await contentOf(file);
    if (content === undefined) return path === '/index.html' ? c.html(notBuilt(folder), 503) : next();
    return c.body(content, 200, {
      'content-type': mediaTypes[extname(path)] ?? 'application/octet-stream',
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  });

function fileWithin(folder: string, path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined; // Not a path that any file of ours has.
  }
  const root = normalize(folder + sep);
  const file = normalize(join(root, decoded));
  return file.startsWith(root) && !decoded.includes('\0') ? file : undefined;
}

async function contentOf(file: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

const notBuilt = (folder: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sealift: dashboard not built</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1.5rem;color-scheme:light dark}
code{background:color-mix(in srgb,currentColor 12%,transparent);padding:.1em .35em;border-radius:.25em}</style></head>
<body><h1>The dashboard has not been built</h1>
<p>The server runs and its API answers at <a href="/api/run"><code>/api/run</code></a>, but there is no page in
<code>${escape(folder)}</code>.</p>
<p>Run <code>npm run build</code> and reload.</p></body></html>
`;

const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
