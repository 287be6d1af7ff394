/** What the messages of a channel can reach, also through Channel Writers: TCP Senders, and everything else, which are side effects. */
import { textOf } from '../xml-node.ts';
import type { Channel, Connector } from './channel.ts';
import type { Resolve } from './tcp.ts';

export type Engine = {
  readonly file: string;
  readonly channels: readonly Channel[];
  readonly resolve: Resolve;
  /** By channel id. */
  readonly groups: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly includeDisabled: boolean;
};

export type Reached = { readonly channel: Channel; readonly connector: Connector; readonly via: readonly Channel[] };
/** `beyond`: writers to channels that the export does not have. */
export type Reach = { readonly senders: Reached[]; readonly others: Reached[]; readonly beyond: Reached[] };

const CHANNELS_DEEP = 20;
/** Sources that fetch rows or files by themselves, as they do again what could not be sent. */
const POLLING = new Set(['Database Reader', 'File Reader']);

export function polls({ source }: Channel): boolean {
  return source !== null && POLLING.has(source.transport);
}

export function isActive(channel: Channel, engine: Engine): boolean {
  return channel.isEnabled !== false || engine.includeDisabled;
}

/** All connectors that a message of this listener can reach, each once. */
export function reachOf(listener: Channel, byId: ReadonlyMap<string, Channel>, engine: Engine): Reach {
  const reach: Reach = { senders: [], others: [], beyond: [] };
  const seen = new Set([listener]);
  const queue: { channel: Channel; via: readonly Channel[] }[] = [{ channel: listener, via: [] }];
  for (const { channel, via } of queue) {
    for (const connector of channel.destinations) {
      if (!connector.isEnabled) continue;
      const reached = { channel, connector, via };
      if (connector.kind === 'tcp') reach.senders.push(reached);
      else reach.others.push(reached);
      if (connector.kind !== 'channel' || via.length >= CHANNELS_DEEP) continue;
      const id = textOf(connector.properties, 'channelId') ?? '';
      const target = byId.get(id);
      if (target === undefined && id !== '' && id !== 'none') reach.beyond.push(reached);
      if (target === undefined || seen.has(target) || !isActive(target, engine)) continue;
      seen.add(target);
      queue.push({ channel: target, via: [...via, target] });
    }
  }
  return reach;
}

/** What else the channel does: writers of another kind, and calls in scripts. Each needs to be classified by a person. */
export function effectsOf(listener: Channel, reach: Reach): string[] {
  const effects = new Set<string>();
  for (const { connector } of reach.others) {
    if (connector.kind !== 'channel') effects.add(`${connector.transport}: ${connector.name}`);
  }
  for (const { connector } of reach.beyond) effects.add(`a channel that the export does not have: ${connector.name}`);
  const channels = new Set([
    listener,
    ...reach.senders.map(({ channel }) => channel),
    ...reach.others.map(({ channel }) => channel),
  ]);
  for (const channel of channels) {
    const findings = [
      ...channel.findings,
      ...(channel.source?.findings ?? []),
      ...channel.destinations.flatMap((each) => each.findings),
    ];
    for (const finding of findings) {
      if (finding !== 'skips destinations') effects.add(`script (${finding}): ${channel.name}`);
    }
  }
  return [...effects].sort();
}
