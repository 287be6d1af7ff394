/** How long a start takes after a kill, by size of the journal. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayProcess } from './gateway-process.ts';
import { measure } from './measure.ts';
import { startVariant } from './variants.ts';

/** Fills a journal by traffic, kills the gateway, and takes the time from its start to its ready line. */
export async function recovery(mib: number, folder: string): Promise<object> {
  const feeds = 50;
  const variant = await startVariant('gateway', feeds, folder);
  const place = variant.folder;
  let from = 1;
  try {
    while ((await journalBytes(place)) < mib * 2 ** 20) {
      await measure(variant, { warmUpMs: 100, measureMs: 3000, from, perSecond: null });
      from += 1_000_000;
    }
    await variant.gateway?.stop('SIGKILL');
    const bytes = await journalBytes(place);
    const again = await GatewayProcess.start(place, join(place, 'inventory.yaml'));
    await again.stop();
    return { 'journal MiB': Math.round(bytes / 2 ** 20), 'ready again after ms': Math.round(again.readyMs) };
  } finally {
    await variant.stop();
  }
}

async function journalBytes(folder: string): Promise<number> {
  const journal = join(folder, 'data', 'journal');
  let bytes = 0;
  for (const name of await readdir(journal)) bytes += (await stat(join(journal, name)).catch(() => null))?.size ?? 0;
  return bytes;
}
