/** The page's script and style, bundled from this folder and node_modules when the server starts: nothing comes from a network. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export type Asset = { readonly type: string; readonly body: Buffer };

function pageFile(name: string): string {
  return fileURLToPath(new URL(`page/${name}`, import.meta.url));
}

/** By path. */
export async function bundlePage(): Promise<ReadonlyMap<string, Asset>> {
  const result = await build({
    entryPoints: { app: pageFile('main.ts'), style: pageFile('style.css') },
    bundle: true,
    minify: true,
    write: false,
    outdir: '/',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const assets = new Map<string, Asset>();
  for (const { path, contents } of result.outputFiles) {
    const isScript = path.endsWith('.js');
    const type = isScript ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8';
    assets.set(isScript ? '/app.js' : '/style.css', { type, body: Buffer.from(contents) });
  }
  assets.set('/', { type: 'text/html; charset=utf-8', body: await readFile(pageFile('index.html')) });
  return assets;
}
