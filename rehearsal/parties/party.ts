/** A party: its sources, destinations and channels under one roof, doing what the scenario asks. */
import { join } from 'node:path';
import { createGenerator } from '../hl7/generator.ts';
import { Channel } from './channel.ts';
import { Destination } from './destination.ts';
import { type OwnMessages, readOwnMessages, repeating } from './own-messages.ts';
import { Poller } from './poller.ts';
import type { Configuration, PartyFault, Reply, Request, Role } from './protocol.ts';
import { Source, type SourceTarget } from './source.ts';
import { TableWriter } from './table-writer.ts';

const NO_OWN_MESSAGES: OwnMessages = { orders: [], results: [], skipped: 0 };

export class Party {
  readonly #role: Role;
  #sources: Source[] = [];
  #destinations: Destination[] = [];
  #channels: Channel[] = [];
  #writers: TableWriter[] = [];
  #pollers: Poller[] = [];
  #intervalMs = 1000;

  constructor(role: Role) {
    this.#role = role;
  }

  async handle(request: Request): Promise<Reply> {
    switch (request.type) {
      case 'configure':
        return this.#configure(request.configuration);
      case 'start':
        this.#intervalMs = (this.#accepted().length * 1000) / Math.max(request.ratePerSecond, 0.001);
        return this.#startAll();
      case 'resume':
        return this.#startAll();
      case 'pause':
        for (const source of this.#sources) source.pause();
        for (const writer of this.#writers) writer.stop();
        return { type: 'done' };
      case 'drain':
        for (const writer of this.#writers) writer.stop();
        await Promise.all(this.#sources.map((source) => source.drain(request.withinMs)));
        return { type: 'done' };
      case 'begin-window':
        for (const source of this.#sources) source.beginWindow();
        return { type: 'done' };
      case 'end-window':
        return {
          type: 'window',
          pauses: this.#sources.map((source) => ({ feed: source.feed, pauseMs: source.longestPauseMs() })),
        };
      case 'fault':
        await this.#setFault(request.fault, request.on);
        return { type: 'done' };
      case 'poll':
        await this.#poll(request.connections, request.on);
        return { type: 'done' };
      case 'progress':
        return this.#progress();
      case 'report':
        return this.#report();
      case 'keys-of':
        return { type: 'keys', keys: request.messages.map((message) => this.#keysOf(message)) };
      case 'have-arrived':
        return { type: 'arrived', arrived: request.messages.map((message) => this.#hasArrived(message)) };
      case 'stop':
        await this.#stop();
        return { type: 'done' };
    }
  }

  async #configure(configuration: Configuration): Promise<Reply> {
    const { seed, messagesFolder } = configuration;
    const own = messagesFolder === null ? NO_OWN_MESSAGES : readOwnMessages(messagesFolder);
    const identity = messagesFolder === null ? 'sequence' : 'digest';
    this.#sources = configuration.sources.map(
      (spec) => new Source({ ...spec, seed, identity, targets: targetsOf(spec.targets, seed, own) }),
    );
    this.#destinations = configuration.destinations.map((spec) => new Destination({ ...spec, identity }));
    const platform = this.#role === 'new' ? 'new' : 'legacy';
    const { queueFolder } = configuration;
    this.#channels = configuration.channels.map((spec) => {
      const queueFile = queueFolder === null ? null : join(queueFolder, `${spec.feed}.queue`);
      return new Channel({ ...spec, platform, seed, queueFile });
    });
    this.#writers = configuration.writers.flatMap(({ table, target }) =>
      targetsOf([target], seed, own).map((one) => new TableWriter({ table, target: one, seed, identity })),
    );
    this.#pollers = configuration.pollers.map((spec) => new Poller({ ...spec, platform }));
    const ports: Record<string, number> = {};
    for (const [index, destination] of this.#destinations.entries()) {
      ports[configuration.destinations[index]?.connection ?? ''] = await destination.listen();
    }
    for (const [index, channel] of this.#channels.entries()) {
      ports[configuration.channels[index]?.feed ?? ''] = await channel.listen();
    }
    const ownMessages = { orders: own.orders.length, results: own.results.length, skipped: own.skipped };
    return { type: 'ready', ports, ownMessages };
  }

  #startAll(): Reply {
    for (const sender of [...this.#sources, ...this.#writers]) sender.start(this.#intervalMs);
    return { type: 'done' };
  }

  async #poll(connections: readonly string[], on: boolean): Promise<void> {
    const asked = this.#pollers.filter(({ connection }) => connections.includes(connection));
    if (on) for (const poller of asked) poller.start();
    else await Promise.all(asked.map((poller) => poller.stop()));
  }

  async #setFault(fault: PartyFault, on: boolean): Promise<void> {
    if (fault === 'down') {
      await Promise.all(this.#channels.map((channel) => (on ? channel.stopListening() : channel.listen())));
      return;
    }
    for (const channel of this.#channels) channel.faults[fault] = on;
    if (fault !== 'nak' && fault !== 'slow') return;
    for (const destination of this.#destinations) destination.faults[fault] = on;
  }

  #progress(): Reply {
    const accepted = this.#accepted();
    return {
      type: 'progress',
      accepted: accepted.reduce((sum, count) => sum + count, 0),
      received: this.#destinations.reduce((sum, destination) => sum + destination.log.length, 0),
      pending: [...this.#channels, ...this.#pollers].reduce((sum, { pending }) => sum + pending, 0),
      struck: this.#channels.reduce((sum, channel) => sum + channel.struck, 0),
      fewestAccepted: accepted.length === 0 ? 0 : Math.min(...accepted),
    };
  }

  /** Of each connection that this party sends for. */
  #accepted(): number[] {
    return [
      ...this.#sources.flatMap((source) => [...source.accepted.values()]),
      ...this.#writers.map(({ accepted }) => accepted),
    ];
  }

  #report(): Reply {
    return {
      type: 'report',
      sent: Object.fromEntries([
        ...this.#sources.flatMap((source) => [...source.log]),
        ...this.#writers.map((writer) => [writer.connection, writer.log] as const),
      ]),
      received: Object.fromEntries(this.#destinations.map((destination) => [destination.connection, destination.log])),
      misanswered: this.#sources.reduce((sum, source) => sum + source.misanswered, 0),
      misanswers: this.#sources.flatMap((source) => source.misanswers),
      deferred: this.#sources.reduce((sum, source) => sum + source.deferred, 0),
      deferredMissing: this.#sources.reduce((sum, source) => sum + source.deferredMissing, 0),
    };
  }

  #keysOf({ connection, controlId }: { readonly connection: string; readonly controlId: string }): string[] {
    const sent = this.#sources.flatMap(({ log }) => log.get(connection) ?? []);
    return sent.filter((message) => message.controlId === controlId).map(({ key }) => key);
  }

  #hasArrived({ connection, keys }: { readonly connection: string; readonly keys: readonly string[] }): boolean {
    const log = this.#destinations.find((destination) => destination.connection === connection)?.log ?? [];
    return log.some(({ key, accepted }) => accepted && keys.includes(key));
  }

  async #stop(): Promise<void> {
    for (const writer of this.#writers) writer.stop();
    await Promise.all(this.#sources.map((source) => source.drain(0)));
    await Promise.all([...this.#channels, ...this.#destinations].map((each) => each.close()));
  }
}

type TargetSpec = Configuration['sources'][number]['targets'][number];

function targetsOf(targets: readonly TargetSpec[], seed: string, own: OwnMessages): SourceTarget[] {
  const copiesTo = targets.length === 1 ? [] : targets.map(({ facility }) => facility);
  return targets.map((target) => {
    const messages = target.direction === 'orders' ? own.orders : own.results;
    const source =
      messages.length === 0
        ? createGenerator({ seed, ...target, copiesTo })
        : repeating(messages, target.index % messages.length, `Q${target.index}-`);
    return { connection: target.connection, facility: target.facility, next: () => source.next() };
  });
}
