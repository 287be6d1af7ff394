/** The judge of the lists, at the end of a night: whatever is uncertain, kept or rejected is shown, and nothing else is (rules 2, 6, 9). */

import type { FeedParty } from '../parties/parties.ts';
import type { Platform } from '../parties/platform.ts';
import { countOne, type Evidence } from './evidence.ts';

/** Where an output with this role is shown. */
const LIST_OF_ROLE = { deliver: null, capture: null, park: 'parked', suppress: 'suppressed' } as const;

/** Rule 2: what was written to a peer and has no durable verdict is listed; what is listed as such has none. */
export function judgeUnsure({ disk, violate }: Evidence): void {
  const listed = new Set<number>();
  for (const { meta } of disk.view.all()) {
    if (meta.t !== 'list' || meta.list !== 'maybeSent' || meta.offset < 0) continue;
    listed.add(meta.offset);
    const record = disk.view.at(meta.offset);
    const isCopy = meta.cause.startsWith('shadow-') || (record?.meta.t === 'input' && record.meta.shadow !== null);
    if (isCopy || record === null) continue;
    const verdicts = [
      ...(disk.view.inputVerdicts.get(meta.offset) ?? []),
      ...(disk.view.outputVerdicts.get(meta.offset) ?? []).filter((verdict) => !verdict.meta.reowned),
    ];
    if (verdicts.some((verdict) => verdict.meta.verdict === 'positive' || verdict.meta.verdict === 'negative'))
      violate(2, `${meta.message.msh10}: listed as maybeSent (${meta.cause}), but it has a verdict`);
  }
  for (const { offset, meta } of disk.view.all()) {
    if (meta.t !== 'input' && (meta.t !== 'output' || meta.role !== 'deliver')) continue;
    const verdicts = meta.t === 'input' ? disk.view.inputVerdicts.get(offset) : disk.view.outputVerdicts.get(offset);
    const isUnsure = (verdicts ?? []).every((verdict) => verdict.meta.verdict === 'lost');
    if (isUnsure && !listed.has(offset)) violate(2, `${meta.msh10}: ${meta.t} without a verdict, on no list`);
  }
}

/** What was kept for nobody, or is not taken by its destination, is shown; a person is asked where no platform can send it again. */
export function judgeKept({ disk, witness, triesAgain, violate }: Evidence): void {
  const { view } = disk;
  const listed = new Set<string>();
  const proposed = new Set<number>();
  for (const { meta } of view.all()) {
    if (meta.t === 'list') listed.add(`${meta.list} ${meta.offset}`);
    if (meta.t === 'decision') for (const { offset } of meta.proposals) proposed.add(offset);
  }
  for (const { offset, meta } of view.all()) {
    const list = meta.t === 'output' ? LIST_OF_ROLE[meta.role] : null;
    if (meta.t === 'output' && list !== null && !listed.has(`${list} ${offset}`))
      violate(2, `${meta.msh10}: ${list}, and not on the list`);
    if (meta.t !== 'output-verdict' || meta.verdict !== 'negative') continue;
    const output = view.at(meta.output)?.meta;
    const who = output?.t === 'output' ? output.msh10 : String(meta.output);
    if (!listed.has(`rejected ${meta.output}`)) violate(2, `${who}: rejected by its destination, and not on the list`);
    if (meta.reowned && triesAgain && output?.t === 'output' && witness.rejectionsOf(output.sha) < 2)
      violate(9, `${who}: rejected once, and not tried again`);
    if (meta.reowned && !proposed.has(meta.output))
      violate(9, `${who}: the destination does not take it from the gateway, and nobody is asked`);
  }
}

/** Rules 2 and 6: who was sent something more often than the journal has records of it is on a list. */
export function judgeRepeats(evidence: Evidence, feeds: readonly FeedParty[]): void {
  const { engine, witness, violate } = evidence;
  const inputs = new Set<string>();
  const outputs = new Set<string>();
  for (const { lists } of engine.connections.values()) {
    for (const { id } of lists.entries('maybeSent'))
      (witness.isInput(id.sha256) ? inputs : outputs).add(witness.serialBy(id.sha256) ?? '');
  }
  const platforms = new Map<string, Platform>(
    feeds.flatMap((feed) => feed.platforms.map((item) => [`${item.feed}/${item.name}`, item] as const)),
  );
  const copies = copiesOnDisk(evidence);
  for (const [key, count] of witness.receipts()) {
    const at = key.lastIndexOf(' ');
    const [who, what] = [key.slice(0, at), key.slice(at + 1)];
    const platform = platforms.get(who);
    if (platform === undefined) judgeRepeatedOutput(evidence, who, what, count, outputs);
    else {
      const records = copies.get(`${platform.feed}/${platform.name} ${what}`) ?? 0;
      if (count > records && !inputs.has(what))
        violate(2, `${what}: sent ${count} times to ${who}, ${records} records, on no list`);
    }
  }
}

function judgeRepeatedOutput(
  { disk, witness, triesAgain, violate }: Evidence,
  who: string,
  sha: string,
  count: number,
  listed: ReadonlySet<string>,
): void {
  const { view } = disk;
  const records = view.outputs.get(sha) ?? [];
  if (count <= records.length) return;
  const serial = witness.serialBy(sha) ?? '';
  const isReowned = records.some(({ offset }) =>
    (view.outputVerdicts.get(offset) ?? []).some(({ meta }) => meta.reowned),
  );
  const rejections = isReowned && triesAgain ? witness.rejectionsOf(sha) : 0;
  if (!isReowned) violate(6, `${serial}: the gateway sent it again itself (${count} times to ${who})`);
  if (count - rejections > records.length && !listed.has(serial))
    violate(2, `${serial}: sent ${count} times to ${who}, on no list`);
}

/** How many records send a message to a platform: `feed/platform message` → records. */
function copiesOnDisk({ disk, witness }: Evidence): ReadonlyMap<string, number> {
  const copies = new Map<string, number>();
  for (const { meta } of disk.view.all()) {
    if (meta.t !== 'input') continue;
    const serial = witness.serialBy(meta.sha) ?? '';
    for (const platform of new Set([meta.primary, meta.shadow]))
      if (platform !== null) countOne(copies, `${meta.feed}/${platform} ${serial}`);
  }
  return copies;
}
