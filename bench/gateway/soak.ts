/** Many messages through one gateway: its memory, open files and files on disk, looked at every few seconds. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from './measure.ts';
import { residentBytes } from './processes.ts';
import { startVariant } from './variants.ts';

export type SoakSample = {
  readonly messages: number;
  readonly rssMb: number;
  readonly descriptors: number;
  readonly files: number;
  readonly diskMb: number;
};

const SLICE_MS = 10_000;
/** Numbers of each feed in one slice, far more than it takes. */
const SLICE_NUMBERS = 1_000_000;
/** Caches and buffers have their size by then. */
const WARM_SHARE = 0.1;

export async function soak(
  messages: number,
  feeds: number,
  folder: string,
  told: (sample: SoakSample) => void,
): Promise<{ readonly figures: object; readonly wrong: readonly string[] }> {
  const variant = await startVariant('gateway', feeds, folder);
  const { pid } = variant;
  if (pid === null) throw new Error('the gateway does not run');
  const samples: SoakSample[] = [];
  const wrong: string[] = [];
  try {
    for (let sent = 0, from = 1; sent < messages; from += SLICE_NUMBERS) {
      const run = await measure(variant, { warmUpMs: 0, measureMs: SLICE_MS, from, perSecond: null });
      sent += run.answered;
      wrong.push(...run.wrong);
      const sample = await sampleOf(pid, join(variant.folder, 'data'), sent);
      samples.push(sample);
      told(sample);
      if (run.answered === 0) throw new Error(`nothing was answered in ${SLICE_MS} ms`);
    }
  } finally {
    await variant.stop();
  }
  return { figures: summary(samples, feeds, wrong), wrong };
}

async function sampleOf(pid: number, dataDir: string, messages: number): Promise<SoakSample> {
  const sizes: number[] = [];
  for (const place of ['journal', 'checkpoints']) {
    for (const name of await readdir(join(dataDir, place)).catch(() => [])) {
      sizes.push((await stat(join(dataDir, place, name)).catch(() => null))?.size ?? 0);
    }
  }
  return {
    messages,
    rssMb: Math.round((await residentBytes(pid)) / 1e6),
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    files: sizes.length,
    diskMb: Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1e6),
  };
}

/** Flat: what it takes at the end against what it took once it was warm. */
function summary(samples: readonly SoakSample[], feeds: number, wrong: readonly string[]): object {
  const total = samples.at(-1)?.messages ?? 0;
  const warm = samples.filter((sample) => sample.messages >= total * WARM_SHARE);
  const half = Math.ceil(warm.length / 2);
  const range = (of: (sample: SoakSample) => number): string => {
    const values = warm.map(of);
    return `${Math.min(...values)} to ${Math.max(...values)}`;
  };
  return {
    messages: total,
    feeds,
    'memory MB, median of the first half and of the second': `${medianRss(warm.slice(0, half))} / ${medianRss(warm.slice(half))}`,
    'memory MB': range((sample) => sample.rssMb),
    'open descriptors': range((sample) => sample.descriptors),
    'files of journal and checkpoints': range((sample) => sample.files),
    'on disk MB, at the most': Math.max(...samples.map(({ diskMb }) => diskMb)),
    counted: wrong.join(', ') || 'ok',
  };
}

function medianRss(samples: readonly SoakSample[]): number {
  const sorted = samples.map(({ rssMb }) => rssMb).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
