/** What the journal says of one message (or of a connection's epochs), for the reader of a failing seed. */
import type { DiskRecord } from './disk.ts';
import type { Witness } from './judges/witness.ts';

export function storyOf(records: readonly DiskRecord[], witness: Witness, id: string): string[] {
  const offsets = new Set<number>();
  const lines: string[] = [];
  for (const { offset, meta } of records) {
    const isOf =
      id === '*' ||
      ('sha' in meta && witness.serialBy(meta.sha) === id) ||
      ('input' in meta && typeof meta.input === 'number' && offsets.has(meta.input)) ||
      ('output' in meta && offsets.has(meta.output)) ||
      (meta.t === 'list' && witness.serialBy(meta.message.sha) === id) ||
      meta.t === 'start' ||
      meta.t === 'decision' ||
      (meta.t === 'epoch' && id.startsWith(`${meta.record.connection}`));
    if (!isOf) continue;
    if (meta.t === 'input' || meta.t === 'output') offsets.add(offset);
    lines.push(`${offset} ${JSON.stringify(meta.t === 'epoch' ? { t: 'epoch', ...meta.record } : meta)}`);
  }
  return lines;
}
