/** The page's script and style, bundled from this folder and node_modules when the server starts: nothing comes from a network. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  for (const [path, asset] of await runbooks()) assets.set(path, asset);
  return assets;
}

/** As they stand, so that a link from a connection leads to them at night, without a network. */
async function runbooks(): Promise<readonly (readonly [string, Asset])[]> {
  const folder = fileURLToPath(new URL('../runbooks/', import.meta.url));
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.md'));
  return Promise.all(
    names.map(async (name) => {
      const body = await readFile(join(folder, name));
      return [`/runbooks/${name}`, { type: 'text/plain; charset=utf-8', body }] as const;
    }),
  );
}
