/** One measured run of one variant, and what a sync costs on the disk that the journals are on. */
import { fdatasync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuMs, Helper, residentBytes } from './processes.ts';
import type { Order, SenderMessage, SenderReport } from './sender.ts';
import type { Variant } from './variants.ts';

export type Run = {
  /** Messages, also those of the warm-up. */
  readonly answered: number;
  readonly perSecond: number;
  readonly latenciesUs: SenderReport['latenciesUs'];
  readonly longestMs: readonly number[];
  /** Of the variant's own process, per message. Null: there is none. */
  readonly cpuUs: number | null;
  readonly residentMb: number | null;
  /** Empty: each message that was answered arrived once, in order. */
  readonly wrong: readonly string[];
};

/** `from`: the first number of each feed; the next run begins behind it. `during` runs while it is measured. */
export async function measure(
  variant: Variant,
  order: Omit<Order, 'ports'>,
  during: () => Promise<void> = async () => {},
): Promise<Run> {
  const sender = new Helper('./sender.ts');
  let cpuAtStart = 0;
  let meanwhile: Promise<void> = Promise.resolve();
  const { pid } = variant;
  try {
    await variant.count();
    sender.onMessage<SenderMessage>((message) => {
      if (message.kind !== 'measuring') return;
      if (pid !== null) {
        void cpuMs(pid).then((ms) => {
          cpuAtStart = ms;
        });
      }
      meanwhile = during();
    });
    const request: Order = { ...order, ports: variant.ports };
    const done = await sender.ask<SenderMessage>(request, ({ kind }) => kind === 'done');
    const cpu = pid === null ? null : (await cpuMs(pid)) - cpuAtStart;
    await meanwhile;
    if (done.kind !== 'done') throw new Error('the senders did not report');
    const { report } = done;
    const count = await variant.count();
    const wrong = [...report.problems];
    if (count.unique !== report.answered) wrong.push(`${report.answered} answered, ${count.unique} arrived`);
    if (count.doubled > 0) wrong.push(`${count.doubled} doubled`);
    if (count.reordered > 0) wrong.push(`${count.reordered} out of order`);
    if (count.foreign > 0) wrong.push(`${count.foreign} foreign`);
    return {
      answered: report.answered,
      perSecond: (report.measured * 1000) / report.measuredMs,
      latenciesUs: report.latenciesUs,
      longestMs: report.longestMs,
      cpuUs: cpu === null ? null : (cpu * 1000) / Math.max(1, report.measured),
      residentMb: pid === null ? null : (await residentBytes(pid)) / 1e6,
      wrong,
    };
  } finally {
    await sender.stop();
  }
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 4096;
const SYNCS = 200;

/** Median time of an fdatasync after one write of 4 KiB into a file that is laid out already. */
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
      await new Promise<void>((resolve, reject) => {
        fdatasync(file.fd, (error) => (error === null ? resolve() : reject(error)));
      });
      times.push((performance.now() - began) * 1000);
    }
    return median(times);
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
