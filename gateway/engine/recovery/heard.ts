/** What the journal says of crashes, and of the senders that were heard since: a restart in good order forgets neither. */
import type { Intake } from '../intake.ts';
import { legOfSender } from '../leg-port.ts';
import type { ListRecord } from '../records.ts';
import type { ShardEngine } from '../shard.ts';
import { senderAt } from './names.ts';
import type { Replay } from './replay.ts';

/** A process began to serve here, and the one before had not ended as it should. */
export function replayCrash({ feeds, legPorts }: ShardEngine, atMs: number): void {
  for (const { intake } of feeds.values()) intake.sinceCrash.crashed(atMs);
  for (const { intake } of legPorts.values()) intake.sinceCrash.crashed(atMs);
}

export function replayListed({ engine, names }: Replay, meta: ListRecord): void {
  const connection = names.connection(meta.connection);
  if (connection === undefined) return;
  connection.recoverListed(meta);
  if (meta.heard !== undefined) replayHeard(engine, connection.config.feed, meta.heard);
}

/** It may have no other record: it was answered again, refused, or still waited when the process ended. */
function replayHeard(engine: ShardEngine, feed: string | null, sender: string): void {
  const leg = legOfSender(sender);
  if (leg !== null) hears(engine.legPorts.get(leg)?.intake, sender, engine);
  else if (feed !== null) hears(engine.feeds.get(feed)?.intake, senderAt(feed, sender), engine);
}

function hears(intake: Intake | undefined, sender: string, { runtime }: ShardEngine): void {
  intake?.sinceCrash.hears(sender, runtime.now);
}
