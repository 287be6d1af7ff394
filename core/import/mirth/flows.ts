/**
 * Channels into flows: a TCP Listener is a feed, a reader that polls is none, each TCP Sender that their messages reach (also
 * through Channel Writers) is a connection, everything else that they reach is a side effect of these connections. Every connector gets an
 * account of what became of it.
 */
import type { Flow, Outcome, Question, Reading } from '../flow.ts';
import { directionOf, practiceOf } from '../names.ts';
import { childOf, textOf } from '../xml-node.ts';
import { accountOf } from './accounts.ts';
import type { Channel, Connector } from './channel.ts';
import { askAboutListener, askAboutSender } from './questions.ts';
import { type Engine, effectsOf, isActive, polls, type Reach, type Reached, reachOf } from './reach.ts';
import { readTcp, type TcpSettings } from './tcp.ts';

type Workings = {
  readonly engine: Engine;
  readonly feedsOf: ReadonlyMap<Connector, readonly Channel[]>;
  readonly outcomes: Map<Connector, Outcome>;
  readonly facts: Map<Connector, Readonly<Record<string, string>>>;
  readonly questions: Question[];
};

export function flowsOf(engine: Engine): Pick<Reading, 'flows' | 'accounts' | 'questions'> {
  const byId = new Map(engine.channels.map((channel) => [channel.id, channel]));
  const outcomes = new Map<Connector, Outcome>();
  const facts = new Map<Connector, Readonly<Record<string, string>>>();
  const questions: Question[] = [];
  const listeners = engine.channels.filter(
    (channel) => isActive(channel, engine) && (channel.source?.kind === 'tcp' || polls(channel)),
  );
  const reaches = new Map(listeners.map((channel) => [channel, reachOf(channel, byId, engine)]));
  const feedsOf = new Map<Connector, Channel[]>();
  for (const [listener, { senders }] of reaches) {
    for (const { connector } of senders) feedsOf.set(connector, [...(feedsOf.get(connector) ?? []), listener]);
  }
  const flows: Flow[] = [];
  for (const [listener, reach] of reaches) {
    const workings = { engine, feedsOf, outcomes, facts, questions };
    flows.push(...(polls(listener) ? takePoller(listener, reach, workings) : takeListener(listener, reach, workings)));
  }
  const accounts = engine.channels.flatMap((channel) => accountOf(channel, engine, outcomes, facts));
  return { flows, accounts, questions };
}

function takeListener(listener: Channel, reach: Reach, workings: Workings): Flow[] {
  const { engine, outcomes, facts } = workings;
  const { source } = listener;
  if (source === null) return [];
  const feed = readTcp(source, 'source', engine.resolve);
  facts.set(source, feed.facts);
  const [obstacle] = feed.obstacles;
  if (obstacle !== undefined || feed.port === null) {
    outcomes.set(source, {
      kind: 'decision',
      reason: obstacle?.reason ?? 'it listens on no fixed port',
      remedy: obstacle?.remedy ?? 'give it a port',
    });
    for (const { connector } of reach.senders) {
      if (!outcomes.has(connector)) {
        outcomes.set(connector, {
          kind: 'decision',
          reason: `its listener could not be taken: ${listener.name}`,
          remedy: 'decide about the listener first',
        });
      }
    }
    return [];
  }
  if (reach.senders.length === 0) {
    const reason = 'none of its messages goes on to a TCP Sender: there is no destination that could be switched';
    outcomes.set(source, {
      kind: 'decision',
      reason,
      remedy: 'say how this flow moves; the gateway delivers to MLLP destinations only',
    });
    return [];
  }
  const flows = takeSenders(listener, feed, reach, `feed of ${listener.name}`, workings);
  if (flows.length > 0) askAboutListener(listener, feed, workings);
  return flows;
}

/** A table or a folder is polled: there is no feed, and each sender is a connection with origin: platform. */
function takePoller(poller: Channel, reach: Reach, workings: Workings): Flow[] {
  return reach.senders.length === 0
    ? []
    : takeSenders(poller, null, reach, `without a feed: what ${poller.name} polls`, workings);
}

/** `feed`: null where its source polls. */
function takeSenders(
  listener: Channel,
  feed: TcpSettings | null,
  reach: Reach,
  as: string,
  workings: Workings,
): Flow[] {
  const { outcomes } = workings;
  const { source } = listener;
  if (source === null) return [];
  const effects = effectsOf(listener, reach);
  const flows = reach.senders.flatMap((reached) => takeSender(listener, feed, reached, { effects, workings }) ?? []);
  if (flows.length === 0) {
    outcomes.set(source, {
      kind: 'decision',
      reason: 'none of its destinations could be taken',
      remedy: 'decide about its destinations first',
    });
    return [];
  }
  outcomes.set(source, { kind: 'taken', as });
  for (const { connector } of reach.others) {
    if (!outcomes.has(connector))
      outcomes.set(connector, {
        kind: 'taken',
        as: connector.kind === 'channel' ? 'the way to another channel' : 'an effect, unclassified',
      });
  }
  return flows;
}

function takeSender(
  listener: Channel,
  feed: TcpSettings | null,
  { channel, connector, via }: Reached,
  { effects, workings }: { effects: readonly string[]; workings: Workings },
): Flow | null {
  const { engine, feedsOf, outcomes, facts } = workings;
  const sender = readTcp(connector, 'destination', engine.resolve);
  facts.set(connector, sender.facts);
  const feeds = feedsOf.get(connector) ?? [];
  const refuse = (reason: string, remedy: string): null => {
    outcomes.set(connector, { kind: 'decision', reason, remedy });
    return null;
  };
  if (feeds.length > 1) {
    const names = feeds.map(({ name }) => name).join(', ');
    return refuse(
      `${feeds.length} channels reach it (${names}); a connection has one source`,
      'say which feed it belongs to, or split the channel',
    );
  }
  const [obstacle] = sender.obstacles;
  if (obstacle !== undefined) return refuse(obstacle.reason, obstacle.remedy);
  if (sender.port === null || sender.host === '')
    return refuse('it has no fixed address', 'correct the channel and export it again');
  outcomes.set(connector, { kind: 'taken', as: 'connection' });
  askAboutSender(channel, connector, sender, workings);
  const names = namesOf(listener, channel, connector);
  const messageTypes = [...(listener.source?.messageTypes ?? []), ...connector.messageTypes];
  const passed = [listener, ...via];
  const findings = [
    ...passed.flatMap((each) => [...each.findings, ...(each.source?.findings ?? [])]),
    ...connector.findings,
  ];
  const rules = passed.reduce((sum, each) => sum + (each.source?.rules ?? 0), connector.rules);
  return {
    key: `mirth ${channel.id || channel.name} ${connector.metaDataId}`,
    place: { file: engine.file, line: connector.line },
    label: `${channel.name} → ${connector.name}`,
    name: null,
    practice: practiceOf(names),
    direction: directionOf(names, messageTypes),
    feedKey: feed === null ? null : `mirth ${listener.id || listener.name}`,
    feedLabel: listener.name,
    pollsEveryMs: feed === null ? pollIntervalOf(listener) : null,
    legacy: {
      host: null,
      port: feed?.port ?? 0,
      framing: feed?.framing ?? null,
      usesTls: feed?.usesTls ?? false,
    },
    new: null,
    destination: { host: sender.host, port: sender.port, framing: sender.framing, usesTls: sender.usesTls },
    ackTimeoutMs: null,
    legAckTimeoutMs: sender.timeoutMs,
    alwaysYields: rules === 0 && !findings.includes('skips destinations'),
    effects,
    owners: {},
    wave: null,
  };
}

/** A destination of its own is named after the channel; one of several after itself. */
function namesOf(listener: Channel, channel: Channel, connector: Connector): string[] {
  const isOnly = channel.destinations.filter((each) => each.kind === 'tcp').length === 1;
  return isOnly ? [channel.name, listener.name, connector.name] : [connector.name, channel.name, listener.name];
}

/** Null: it polls at times of the day, or the export does not say it. */
function pollIntervalOf({ source }: Channel): number | null {
  const polling = childOf(source?.properties ?? null, 'pollConnectorProperties');
  const every = Number(textOf(polling, 'pollingFrequency') ?? Number.NaN);
  return textOf(polling, 'pollingType') === 'INTERVAL' && Number.isInteger(every) && every > 0 ? every : null;
}
