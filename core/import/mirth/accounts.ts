/** The account of every connector of an export: what became of it, and why, where it was not taken. */
import type { Account, Outcome, Place } from '../flow.ts';
import type { Channel, Connector } from './channel.ts';
import { type Engine, isActive, polls } from './reach.ts';
import { readTcp } from './tcp.ts';

/** Another kind of source may be fed by somebody who waits for an answer: that is for a person to say. */
const REMEDY_WITHOUT_FEED =
  'where the platform makes its outputs by itself, write it by hand with `origin: platform` (docs/how-to/flows-without-a-feed.md); else say how this flow moves';

export function accountOf(
  channel: Channel,
  engine: Engine,
  outcomes: ReadonlyMap<Connector, Outcome>,
  facts: ReadonlyMap<Connector, Readonly<Record<string, string>>>,
): Account[] {
  const connectors = [...(channel.source === null ? [] : [channel.source]), ...channel.destinations];
  const group = engine.groups.get(channel.id);
  const tags = [...channel.tags, ...(engine.tags.get(channel.id) ?? [])];
  return connectors.map((connector): Account => {
    const place: Place = { file: engine.file, line: connector.line };
    const role = connector === channel.source ? 'source' : 'destination';
    const own = connector.kind === 'tcp' ? readTcp(connector, role, engine.resolve).facts : {};
    const about: Record<string, string> = { ...(facts.get(connector) ?? own) };
    if (group !== undefined) about.group = group;
    if (tags.length > 0) about.tags = [...new Set(tags)].join(', ');
    if (connector.rules > 0) about.filterRules = String(connector.rules);
    if (connector.steps.length > 0) about.steps = String(connector.steps.length);
    const outcome = outcomes.get(connector) ?? restOf(channel, connector, engine);
    return {
      place,
      channel: channel.name,
      connector: connector.name,
      kind: connector.transport,
      outcome,
      facts: about,
    };
  });
}

/** Connectors that no listener reaches. */
function restOf(channel: Channel, connector: Connector, engine: Engine): Outcome {
  if (!isActive(channel, engine))
    return { kind: 'left-out', reason: 'its channel is disabled (--include-disabled takes it)' };
  if (!connector.isEnabled) return { kind: 'left-out', reason: 'it is disabled' };
  const remedy = REMEDY_WITHOUT_FEED;
  if (connector === channel.source) {
    if (polls(channel))
      return {
        kind: 'decision',
        reason: 'nothing of what it polls goes on to a TCP Sender: there is no destination that could be switched',
        remedy: 'say how this flow moves; the gateway delivers to MLLP destinations only',
      };
    if (connector.kind === 'channel') return { kind: 'left-out', reason: 'it only takes messages of other channels' };
    if (connector.kind === 'tcp') return { kind: 'decision', reason: 'its flow could not be taken', remedy };
    return { kind: 'decision', reason: `a source of the kind ${connector.transport} is no MLLP feed`, remedy };
  }
  if (connector.kind === 'channel')
    return { kind: 'left-out', reason: 'it passes messages on that come from no MLLP feed' };
  if (channel.source?.kind === 'tcp')
    return { kind: 'decision', reason: 'its listener could not be taken', remedy: 'decide about the listener first' };
  return {
    kind: 'decision',
    reason: `no MLLP feed reaches it: its source is ${channel.source?.transport ?? 'unknown'}`,
    remedy,
  };
}
