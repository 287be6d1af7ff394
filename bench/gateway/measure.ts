/** One measured run of one variant, and what a sync costs on the disk that the journals are on. */
import { fdatasyncSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './figures.ts';
import { Load } from './load.ts';
import { cpuMs, residentBytes } from './processes.ts';
import type { Variant } from './variants.ts';

export type Timing = { readonly warmUpMs: number; readonly measureMs: number };
export type Run = {
  /** Messages, also those of the warm-up. */
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the variant's own process, per message. Null: there is none. */
  readonly cpuUs: number | null;
  readonly residentMb: number | null;
  /** Empty: each message that was answered arrived once, in order. */
  readonly wrong: readonly string[];
};
type Order = Timing & {
  /** The first number of each feed; the next run begins behind it. */
  readonly from: number;
  /** Over all feeds; null: as fast as it goes. */
  readonly perSecond: number | null;
};

export async function measure(variant: Variant, { warmUpMs, measureMs, from, perSecond }: Order): Promise<Run> {
  const { pid } = variant;
  await variant.count();
  const load = await Load.start({ ports: variant.ports, from, perSecond });
  try {
    await sleep(warmUpMs);
    await load.caughtUp();
    let cpu = 0;
    const felt = await load.during(async () => {
      const before = pid === null ? 0 : await cpuMs(pid);
      await sleep(measureMs);
      cpu = pid === null ? 0 : (await cpuMs(pid)) - before;
    }, false);
    const { total } = felt.latencies;
    const { answered, wrong } = await counted(variant, load);
    return {
      answered,
      perSecond: (total * 1000) / felt.lastedMs,
      p50Ms: felt.latencies.at(0.5),
      p99Ms: felt.latencies.at(0.99),
      cpuUs: pid === null ? null : (cpu * 1000) / Math.max(1, total),
      residentMb: pid === null ? null : (await residentBytes(pid)) / 1e6,
      wrong,
    };
  } finally {
    await load.abandon();
  }
}

/** Ends the load, and holds what its senders were told against what arrived. */
export async function counted(
  variant: Pick<Variant, 'count'>,
  load: Load,
): Promise<{ readonly answered: number; readonly wrong: readonly string[] }> {
  const { answered, problems } = await load.stop();
  const count = await variant.count();
  const wrong = [...problems];
  if (count.unique !== answered) wrong.push(`${answered} answered, ${count.unique} arrived`);
  if (count.doubled > 0) wrong.push(`${count.doubled} doubled`);
  if (count.reordered > 0) wrong.push(`${count.reordered} out of order`);
  if (count.foreign > 0) wrong.push(`${count.foreign} foreign`);
  return { answered, wrong };
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 4096;
const SYNCS = 200;

/** Median time of the call `fdatasync` alone, after one write of 4 KiB into a file that is laid out already. */
export async function syncUs(folder: string): Promise<number> {
  const path = join(folder, 'sync-probe');
  const file = await open(path, 'w+');
  try {
    await file.write(Buffer.alloc(SEGMENT_BYTES), 0, SEGMENT_BYTES, 0);
    await file.sync();
    const page = Buffer.alloc(PAGE_BYTES, 1);
    const times: number[] = [];
    for (let index = 0; index < SYNCS; index++) {
      writeSync(file.fd, page, 0, PAGE_BYTES, index * PAGE_BYTES);
      const began = performance.now();
      fdatasyncSync(file.fd);
      times.push((performance.now() - began) * 1000);
    }
    return median(times);
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}
