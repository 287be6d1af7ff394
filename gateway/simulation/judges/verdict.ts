/** The verdict on a whole night, once everything has come to rest: each feed, the quiet that was promised, what is still held. */
import { verifyEpochs } from '../../../core/epoch-history.ts';
import type { ShardEngine } from '../../engine/shard.ts';
import type { FeedParty } from '../parties/parties.ts';
import type { Setting } from '../setting.ts';
import { judgeAfterCrash } from './after-crash.ts';
import { judgeFeed } from './deliveries.ts';
import type { Evidence } from './evidence.ts';
import { judgeKept, judgeRepeats, judgeUnsure } from './lists.ts';
import { judgeReports } from './reports.ts';
import { SwapsJudgement } from './swaps.ts';

/** Half of the sources' ackTimeout, and what an answer takes. */
const HOLD_LIMIT_MS = 2400;

export type Figures = {
  readonly accepted: number;
  readonly delivered: number;
  readonly doubled: number;
  readonly listed: number;
};

export function judgeNight(setting: Setting, engine: ShardEngine): Figures {
  const { disk, witness, chronicle, parties, retryForMs } = setting;
  const violate = (rule: number, text: string): void => chronicle.violate(rule, text);
  const evidence: Evidence = { engine, disk, witness, triesAgain: retryForMs > 0, violate };
  const figures = { accepted: 0, delivered: 0, doubled: 0, listed: 0 };
  for (const feed of parties.feeds) {
    const { delivered, doubled, listed } = judgeFeed(evidence, feed);
    figures.delivered += delivered;
    figures.doubled += doubled;
    figures.listed += listed;
    for (const { accepted } of feed.sources) figures.accepted += accepted.size;
    judgeQuiet(setting, feed, { doubled, listed });
  }
  for (const connection of parties.polled) figures.delivered += connection.judge(engine, witness, violate);
  judgeRest(setting, engine);
  judgeDisk(evidence);
  judgeReports(evidence);
  judgeRepeats(evidence, parties.feeds);
  return figures;
}

/** What the senders of a feed must not have felt, where nothing happened that they could feel. */
function judgeQuiet(
  { options, chronicle }: Setting,
  { name, sources }: FeedParty,
  { doubled, listed }: Pick<Figures, 'doubled' | 'listed'>,
): void {
  const waitLimitMs = options.waitLimitMs ?? (options.isQuiet ? HOLD_LIMIT_MS : null);
  for (const source of sources) {
    const resent = source.attempts - [...source.meant.values()].reduce((sum, count) => sum + count, 0);
    if (waitLimitMs !== null && resent > 0)
      chronicle.violate(8, `${source.name}: had to send ${resent} times again in a night without faults on its path`);
  }
  if (waitLimitMs !== null && sources.some(({ longestWaitMs }) => longestWaitMs > waitLimitMs))
    chronicle.violate(8, `${name}: a source waited longer than ${waitLimitMs} ms`);
  if (options.neverDoubles && doubled > 0)
    chronicle.violate(9, `${name}: ${doubled} delivered twice, in a night in which only the platform died`);
  if (options.isQuiet && listed > 0) chronicle.violate(2, `${name}: ${listed} listed in a night without faults`);
}

function judgeRest({ options, chronicle, witness }: Setting, engine: ShardEngine): void {
  if (options.isQuiet && engine.decisions.all().length > 0)
    chronicle.violate(9, 'a person has to decide after a night without faults');
  if (options.isQuiet)
    for (const { serial, read } of witness.notReadOnce())
      chronicle.violate(7, `${serial}: its source got the application's acknowledgement ${read} times`);
  const heldBytes = engine.runtime.budget.bytes + engine.runtime.answerBudget.bytes;
  if (heldBytes !== 0)
    chronicle.violate(15, `${heldBytes} bytes of frames are still counted after everything has calmed down`);
}

/** What holds of the disk and the lists of all connections at any time, right after a restart too. */
function judgeDisk(evidence: Evidence): void {
  const { engine, disk, violate } = evidence;
  for (const name of engine.connections.keys()) {
    const epochs = (disk.view.epochs.get(name) ?? []).map(({ record }) => record);
    const fault = verifyEpochs([name], epochs);
    if (fault !== null) violate(14, `${name}: epoch ${fault.epoch} breaks the chain (${fault.fault})`);
  }
  judgeUnsure(evidence);
  judgeAfterCrash(evidence);
  judgeKept(evidence);
  new SwapsJudgement(disk.view, violate).run();
}
