/** The text of the figures for whoever scrapes them: made once for all who wait for it, and never older than the question. */
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { ALONE, type Family, type Figures, textOf } from '../families.ts';
import { SharedRun } from '../shared-run.ts';
import type { Answer, TextReply } from './messages.ts';

/** `askFigures`: of the traffic's thread. */
export function scrapesOf(askFigures: () => Promise<Answer>): SharedRun<Buffer | TextReply> {
  return new SharedRun(async () => {
    const answer = await askFigures();
    return 'figures' in answer ? bufferOf(answer.figures) : answer;
  });
}

/** With turns for calls that come meanwhile. */
async function bufferOf({ families, text }: Figures): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const family of [...families, ...openFiles()]) {
    pieces.push(Buffer.from(textOf(family)));
    await setImmediate();
  }
  pieces.push(Buffer.from(text));
  return Buffer.concat(pieces);
}

/** Of the whole process: reading a folder of thousands takes milliseconds that the traffic's thread should not be without. */
function openFiles(): Family[] {
  try {
    const open = readdirSync('/proc/self/fd').length;
    const help = 'Number of open file descriptors';
    const values = Float64Array.of(open);
    return [{ name: 'cutover_process_open_fds', help, type: 'gauge', rows: [{}], columns: ALONE, values }];
  } catch {
    // Not Linux, or no descriptor is left.
    return [];
  }
}
