/**
 * Channels into flows: a TCP Listener is a feed, a reader that polls is none, each TCP Sender that their messages reach (also
 * through Channel Writers) is a connection, everything else that they reach is a side effect of these connections. Every connector gets an
 * account of what became of it.
 */
import type { Account, Flow, Outcome, Place, Question, Reading } from '../flow.ts';
import { directionOf, practiceOf } from '../names.ts';
import { childOf, textOf } from '../xml-node.ts';
import type { Channel, Connector } from './channel.ts';
import { type Resolve, readTcp, type TcpSettings } from './tcp.ts';

export type Engine = {
  readonly file: string;
  readonly channels: readonly Channel[];
  readonly resolve: Resolve;
  /** By channel id. */
  readonly groups: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly includeDisabled: boolean;
};

type Reached = { readonly channel: Channel; readonly connector: Connector; readonly via: readonly Channel[] };
/** `beyond`: writers to channels that the export does not have. */
type Reach = { readonly senders: Reached[]; readonly others: Reached[]; readonly beyond: Reached[] };

const CHANNELS_DEEP = 20;
/** Sources that fetch rows or files by themselves, as they do again what could not be sent. */
const POLLING = new Set(['Database Reader', 'File Reader']);
/** Another kind of source may be fed by somebody who waits for an answer: that is for a person to say. */
const REMEDY_WITHOUT_FEED =
  'where the platform makes its outputs by itself, write it by hand with `origin: platform` (docs/how-to/flows-without-a-feed.md); else say how this flow moves';

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

function polls({ source }: Channel): boolean {
  return source !== null && POLLING.has(source.transport);
}

function isActive(channel: Channel, engine: Engine): boolean {
  return channel.isEnabled !== false || engine.includeDisabled;
}

/** All connectors that a message of this listener can reach, each once. */
function reachOf(listener: Channel, byId: ReadonlyMap<string, Channel>, engine: Engine): Reach {
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

type Workings = {
  readonly engine: Engine;
  readonly feedsOf: ReadonlyMap<Connector, readonly Channel[]>;
  readonly outcomes: Map<Connector, Outcome>;
  readonly facts: Map<Connector, Readonly<Record<string, string>>>;
  readonly questions: Question[];
};

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

/** Null: it polls at times of the day, or the export does not say it. */
function pollIntervalOf({ source }: Channel): number | null {
  const polling = childOf(source?.properties ?? null, 'pollConnectorProperties');
  const every = Number(textOf(polling, 'pollingFrequency') ?? Number.NaN);
  return textOf(polling, 'pollingType') === 'INTERVAL' && Number.isInteger(every) && every > 0 ? every : null;
}

/** A destination of its own is named after the channel; one of several after itself. */
function namesOf(listener: Channel, channel: Channel, connector: Connector): string[] {
  const isOnly = channel.destinations.filter((each) => each.kind === 'tcp').length === 1;
  return isOnly ? [channel.name, listener.name, connector.name] : [connector.name, channel.name, listener.name];
}

/** What else the channel does: writers of another kind, and calls in scripts. Each needs to be classified by a person. */
function effectsOf(listener: Channel, reach: Reach): string[] {
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

function askAboutListener(listener: Channel, feed: TcpSettings, { engine, questions }: Workings): void {
  const { source } = listener;
  if (source === null) return;
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({
      code,
      place: { file: engine.file, line: source.line },
      about: listener.name,
      message,
      remedy,
    });
  const answer = feed.facts.responseVariable;
  if (answer === 'None')
    ask(
      'answers-nothing',
      'the listener never answers, and a source gets its answer from the primary platform',
      'let the channel answer, or leave this feed at legacy',
    );
  if (feed.facts.respondOnNewConnection !== undefined && feed.facts.respondOnNewConnection !== '0')
    ask('answers-elsewhere', 'the listener answers on another connection', 'let it answer on the same connection');
  if (feed.usesTls)
    ask(
      'tls',
      'the listener speaks TLS, and an export has no keys',
      'write `tls: { cert, key }` at the feed and `tls` at its platforms.legacy',
    );
  if (feed.facts.charsetEncoding === undefined || feed.facts.charsetEncoding === 'DEFAULT_ENCODING')
    ask(
      'charset',
      "the charset is the engine's default, which the export does not say",
      'look it up at the server (file.encoding of its Java); the gateway passes bytes on as they are',
    );
  if (listener.isEnabled === null)
    ask('enabled-unknown', 'the export does not say whether the channel is enabled', 'look it up at the server');
  if (feed.facts.processBatch === 'true')
    ask(
      'batches',
      'the listener splits batches: one input can yield several outputs',
      'write `outputs: many` where that happens',
    );
}

function askAboutSender(
  channel: Channel,
  connector: Connector,
  sender: TcpSettings,
  { engine, questions }: Workings,
): void {
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({
      code,
      place: { file: engine.file, line: connector.line },
      about: `${channel.name} → ${connector.name}`,
      message,
      remedy,
    });
  if (sender.facts.ignoreResponse === 'true')
    ask(
      'ignores-answers',
      "the sender does not wait for the destination's answer: a lost output shows nowhere",
      'let it wait for the answer before the cutover',
    );
  if (sender.usesTls)
    ask(
      'tls',
      'the sender speaks TLS, and an export has no certificates',
      'write `tls` at the destination, and what it must trust',
    );
  if (Number(sender.facts.threadCount ?? '1') > 1)
    ask(
      'threads',
      'several threads send: their order is not kept',
      'set one thread, or accept that the order is not compared',
    );
}

function accountOf(
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
