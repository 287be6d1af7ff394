/**
 * The inventory: what stays (feeds, connections, endpoints, people), as opposed to the stack config, which says
 * what changes. One zod schema is the definition; the JSON Schema for editors is made from it, and what the rest
 * of the product sees is the normalised `Inventory` below, with durations in milliseconds and defaults filled in.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from './duration.ts';
import {
  type ListenerSecurity,
  listenerSecurityShape,
  type PeerSecurity,
  peerSecurityShape,
  toListenerSecurity,
  toPeerSecurity,
} from './endpoint-security.ts';
import { FIELD_PATH_PATTERN } from './hl7/path.ts';
import { findClashes } from './inventory-clashes.ts';
import { type Failed, formatPath, type Located, parseYaml } from './located-yaml.ts';
import type { WindowRule } from './planning/windows.ts';
import { DAYS, isTimeZone } from './planning/zone.ts';
import { CHANGE_OVERS, type ChangeOverMethod, ORIGINS, PLATFORMS, type Platform } from './platform.ts';

const TIME_PATTERN = /^([01]\d|2[0-3]):[0-5]\d$/;
const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

const name = z
  .string()
  .regex(NAME_PATTERN, 'a name is 1 to 63 lower-case letters, digits and dashes, starting with a letter or digit');
const port = z
  .int()
  .min(0)
  .max(65_535)
  .describe('TCP port; 0 lets the gateway choose one and say it in its ready line');
const DURATION_IS = 'a duration is a whole number and a unit: 250ms, 10s, 5m, 2h, 7d';
const duration = z
  .string({ error: DURATION_IS })
  .regex(DURATION_PATTERN, DURATION_IS)
  .transform((text) => parseDurationMs(text) ?? 0)
  .describe('a whole number and a unit: 250ms, 10s, 5m, 2h, 7d');
const fieldPath = z.string().regex(FIELD_PATH_PATTERN, 'an HL7 field path: SEGMENT-FIELD[.COMPONENT], as in PID-3.1');
const predicate = z.record(fieldPath, z.string()).describe('{path: value}: true where every field has its value');
const byte = z.int().min(0).max(255);

const framing = z
  .strictObject({ start: byte.default(0x0b), end: z.array(byte).length(2).default([0x1c, 0x0d]) })
  .describe('MLLP block characters; the defaults are the standard ones');
const retry = z
  .strictObject({
    within: duration.prefault('1h').describe('how long an answered message is recognised when it comes again'),
    depth: z.literal(1).default(1),
    ignore: z.array(fieldPath).default(['MSH-7']).describe('fields that a resend may change'),
  })
  .describe('how a resend of the last message of a sender is recognised');
const answer = z
  .enum(['msa2', 'msa2-prefix20', 'position'])
  .describe('how an answer is matched to its message; learned from the first answers where it is absent');
const answerTimeout = duration.describe(
  "how long the gateway waits for this peer's answer; default: the sender's ackTimeout",
);

const peer = {
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  answer: answer.optional(),
  answerTimeout: answerTimeout.optional(),
  framing: framing.optional(),
  messagesPerConnection: z
    .enum(['many', 'one'])
    .default('many')
    .describe('one: every message goes over a TCP connection of its own, closed after its answer'),
  ...peerSecurityShape,
};
const platformAddress = z.strictObject(peer);
const listener = {
  connect: z
    .enum(['listen', 'dial'])
    .default('listen')
    .describe('listen: the sender connects to the gateway; dial: the gateway connects to a sender that listens'),
  host: z.string().min(1).optional().describe('with connect: dial, where the sender listens'),
  sourceAddress: peerSecurityShape.sourceAddress,
  ackTimeout: duration.optional().describe('how long the sender waits for its answer; unknown counts as 5s'),
  retry: retry.optional(),
  framing: framing.optional(),
  ...listenerSecurityShape,
};
const feedBody = {
  port,
  shard: z.int().min(0).default(0),
  movedFrom: z
    .int()
    .min(0)
    .optional()
    .describe('the shard that has served it: this one serves it once `gateway move-in` has brought its state'),
  ...listener,
  platforms: z.strictObject({ legacy: platformAddress, new: platformAddress }),
};
const leg = z.strictObject({
  port: z.int().min(1).max(65_535),
  ...listener,
  match: predicate.optional().describe('on the output: tells connections apart that share this port'),
});
const effect = z.strictObject(
  {
    kind: z.string().min(1),
    handling: z.enum(['gated', 'fenced', 'harmless']).optional().describe('absent: unclassified, blocks `parallel`'),
    by: z.string().optional(),
  },
  { error: 'a side effect is written { kind: mail, handling: gated } (or fenced, harmless)' },
);
const EFFECT_IS = '`effects` lists what the channels do beside passing messages on';
const effects = z.array(effect, {
  error: `${EFFECT_IS}: [] for nothing, else [{ kind: mail, handling: gated }] (or fenced, harmless)`,
});
/** Change windows and business hours are written alike. */
export const windowRuleSchema = z.strictObject({
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .describe('the evenings on which it opens; a `to` that is not later than `from` is on the next day'),
  from: z.string().regex(TIME_PATTERN, 'a time of day is HH:MM, from 00:00 to 23:59'),
  to: z.string().regex(TIME_PATTERN, 'a time of day is HH:MM, from 00:00 to 23:59'),
  timeZone: z
    .string()
    .refine(isTimeZone, 'a time zone is an IANA name, as in America/Chicago')
    .describe('IANA name, as in America/Chicago'),
});
const connection = z.strictObject({
  name: name.describe('immutable; a rename keeps previousNames'),
  previousNames: z.array(name).default([]),
  direction: z.enum(['orders', 'results']),
  practice: name,
  wave: name,
  owners: z.record(z.string(), z.string()).default({}),
  origin: z
    .enum(ORIGINS)
    .default('feed')
    .describe('platform: it has no feed, a platform makes its outputs by itself (it polls a table or a folder)'),
  shard: z.int().min(0).optional().describe('with origin: platform only; else it is the shard of the feed'),
  feed: z
    .union([name, z.strictObject(feedBody)], {
      error: 'a feed is the name of a shared feed, or an object with port and platforms',
    })
    .optional()
    .describe('a feed of its own, or the name of a shared one; none with origin: platform'),
  legs: z.strictObject({ legacy: leg, new: leg }),
  weightKey: z.array(fieldPath).min(1).optional().describe('fields of the output that both platforms keep'),
  destination: z.strictObject({
    ...peer,
    connections: z.literal(1).default(1),
    shared: z
      .boolean()
      .default(false)
      .describe('it takes one TCP connection at a time: the connections that name its address go over one'),
    onReject: z
      .union([z.literal('park'), z.strictObject({ retryFor: duration })])
      .default('park')
      .describe(
        "an output that the gateway delivers in a platform's place and the destination rejects: park: a person decides; {retryFor}: it is tried again for so long before, and newer outputs wait",
      ),
  }),
  contract: z.string().optional().describe('its data contract: NAME of stacks/contracts/NAME.yaml'),
  correlate: z.array(fieldPath).min(1).optional().describe('fields that tell which input an output belongs to'),
  outputs: z.enum(['one', 'zero-or-one', 'many']).optional().describe('of one input; absent: one'),
  applies: predicate.optional().describe('on the input of a shared feed: false means filtered, no output is owed'),
  settle: duration
    .optional()
    .describe(
      'how long after the answer an output can still come; measured (twice the longest lately seen) where absent. With origin: platform: how long a stopped platform has to be quiet; absent: 10s',
    ),
  changeOver: z
    .enum(CHANGE_OVERS)
    .default('quiesce')
    .describe('at-offset holds nothing, and needs `correlate` with the measured grade exact or keyed'),
  orderWait: duration
    .optional()
    .describe("how long the new owner's outputs wait for earlier inputs; default: half of the leg's ackTimeout"),
  capture: z
    .strictObject({ wait: duration.prefault('2s') })
    .optional()
    .describe(
      "how long a captured output waits for the control's paired answer before it gets a generated AA; absent: 2s",
    ),
  effects: effects
    .optional()
    .describe("other side effects of the platforms' channel; []: none. Absent: nobody has said, and the gate is red"),
  edgeCases: z
    .array(z.string().min(1))
    .default([])
    .describe('what is odd about it and written down nowhere else; part of its sheet at the handover'),
  window: windowRuleSchema.optional(),
});

export const inventorySchema = z.strictObject({
  deployment: z.string().min(1).describe('names this installation; approvals and gateways carry it'),
  target: z.enum(['local', 'production']).default('local'),
  gateways: z
    .array(
      z.strictObject({
        shard: z.int().min(0),
        admin: z
          .url({ protocol: /^https$/, error: 'an admin API has an https URL, as in https://10.20.0.10:7443' })
          .describe('admin API, https only'),
      }),
    )
    .min(1),
  defaults: z
    .strictObject({
      window: windowRuleSchema.optional(),
      effects: effects.optional().describe('of every connection that has none of its own'),
      soak: duration
        .optional()
        .describe('how long a connection runs switched before it may be decommissioned; production: 7d, local: 0s'),
    })
    .default({}),
  feeds: z.array(z.strictObject({ name, ...feedBody })).default([]),
  connections: z.array(connection),
});

type RawFeed = z.output<typeof inventorySchema>['feeds'][number];
type RawConnection = z.output<typeof inventorySchema>['connections'][number];

export type AnswerMatch = z.output<typeof answer>;
export type Framing = { readonly start: number; readonly end: readonly [number, number] };
export type RetryRule = { readonly withinMs: number; readonly ignore: readonly string[] };
export type Predicate = Readonly<Record<string, string>>;
export type OutputCount = NonNullable<RawConnection['outputs']>;

/** An endpoint that the gateway connects to. */
export type Peer = PeerSecurity & {
  readonly host: string;
  readonly port: number;
  /** Null: learned from the first answers. */
  readonly answer: AnswerMatch | null;
  /** Null: the sender's ackTimeout. */
  readonly answerTimeoutMs: number | null;
  readonly framing: Framing;
  readonly isOneMessagePerConnection: boolean;
};

export type DestinationPeer = Peer & {
  /** Connections with its address share one TCP connection to it. */
  readonly isShared: boolean;
  /** How long an output that the gateway delivers in a platform's place is tried again where it is rejected; 0: not at all. */
  readonly retryRejectedMs: number;
};

/** Where senders come in: the gateway listens there, or dials a sender that listens. */
export type Listener = ListenerSecurity & {
  readonly port: number;
  /** Null: the gateway listens. */
  readonly dial: (PeerSecurity & { readonly host: string }) | null;
  /** Null: unknown. */
  readonly ackTimeoutMs: number | null;
  readonly retry: RetryRule;
  readonly framing: Framing;
};

export type Feed = Listener & {
  readonly name: string;
  readonly shard: number;
  /** The shard that its state comes from; null: it was born here. */
  readonly movedFrom: number | null;
  readonly platforms: Readonly<Record<Platform, Peer>>;
  /** Names of the connections that it serves, in the inventory's order. */
  readonly connections: readonly string[];
};

export type Leg = Listener & { readonly match: Predicate | null };

export type Connection = ConnectionDefinition & Source;

/** Without a feed there is no input, and so no shadow, no capture, and nothing to compare an output with. */
type Source = { readonly origin: 'feed'; readonly feed: string } | { readonly origin: 'platform'; readonly feed: null };

type ConnectionDefinition = {
  readonly name: string;
  readonly previousNames: readonly string[];
  readonly direction: 'orders' | 'results';
  readonly practice: string;
  readonly wave: string;
  readonly owners: Readonly<Record<string, string>>;
  readonly shard: number;
  readonly legs: Readonly<Record<Platform, Leg>>;
  readonly weightKey: readonly string[] | null;
  readonly destination: DestinationPeer;
  /** Name of its data contract (`stacks/contracts/NAME.yaml`), or null. */
  readonly contract: string | null;
  readonly correlate: readonly string[] | null;
  readonly outputs: OutputCount;
  readonly applies: Predicate | null;
  /** Null: measured. */
  readonly settleMs: number | null;
  readonly captureWaitMs: number;
  readonly changeOver: ChangeOverMethod;
  readonly orderWaitMs: number;
  readonly unclassifiedEffects: readonly string[];
  /** Somebody has said which side effects there are, or that there are none. */
  readonly effectsAreKnown: boolean;
  readonly edgeCases: readonly string[];
  /** Its own, else that of the defaults, else null. */
  readonly window: WindowRule | null;
};

export type Inventory = {
  readonly deployment: string;
  readonly target: 'local' | 'production';
  /** How long a connection runs switched before it may be decommissioned. */
  readonly soakMs: number;
  readonly gateways: readonly { readonly shard: number; readonly admin: string }[];
  readonly feeds: readonly Feed[];
  readonly connections: readonly Connection[];
};

export const STANDARD_FRAMING: Framing = { start: 0x0b, end: [0x1c, 0x0d] };
const SOAK_MS = { local: 0, production: 7 * 86_400_000 } as const;
const CAPTURE_WAIT_MS = 2000;
const STANDARD_RETRY: RetryRule = { withinMs: 3_600_000, ignore: ['MSH-7'] };

/** Reads an inventory; all problems at once, each with file, line, path and remedy. */
export function parseInventory(text: string, file: string): { readonly ok: true; readonly value: Inventory } | Failed {
  const parsed = parseYaml(text, file, inventorySchema);
  if (!parsed.ok) return parsed;
  const clashes = findClashes(parsed.value);
  if (clashes.length > 0) {
    const problems = clashes.map(
      ({ path, message, remedy }): Located => ({
        file,
        line: parsed.lineOf(path),
        path: formatPath(path),
        message,
        remedy,
      }),
    );
    return { ok: false, problems };
  }
  return { ok: true, value: normalise(parsed.value) };
}

export function inventoryJsonSchema(): object {
  return z.toJSONSchema(inventorySchema, { io: 'input' });
}

export type RawInventory = z.output<typeof inventorySchema>;

function normalise(raw: RawInventory): Inventory {
  const shared = raw.feeds.map((feed) => toFeed(feed, namesServedBy(raw, feed.name)));
  const own = raw.connections.flatMap((item) =>
    typeof item.feed === 'object' ? [toFeed({ ...item.feed, name: item.name }, [item.name])] : [],
  );
  const feeds = [...shared, ...own];
  const shardOf = new Map(feeds.map((feed) => [feed.name, feed.shard]));
  return {
    deployment: raw.deployment,
    target: raw.target,
    soakMs: raw.defaults.soak ?? SOAK_MS[raw.target],
    gateways: raw.gateways,
    feeds,
    connections: raw.connections.map((item) => toConnection(item, shardOf, raw.defaults)),
  };
}

function namesServedBy(raw: RawInventory, feed: string): string[] {
  return raw.connections.filter((item) => item.feed === feed).map((item) => item.name);
}

function toFeed(feed: RawFeed, connections: readonly string[]): Feed {
  return {
    name: feed.name,
    shard: feed.shard,
    movedFrom: feed.movedFrom ?? null,
    ...toListener(feed),
    platforms: { legacy: toPeer(feed.platforms.legacy), new: toPeer(feed.platforms.new) },
    connections,
  };
}

function toConnection(
  item: RawConnection,
  shardOf: ReadonlyMap<string, number>,
  usual: RawInventory['defaults'],
): Connection {
  const source = toSource(item);
  const [legacy, next] = PLATFORMS.map((platform) => ({
    ...toListener(item.legs[platform]),
    match: item.legs[platform].match ?? null,
  }));
  if (legacy === undefined || next === undefined) throw new Error('a connection has a leg for each platform');
  const known = item.effects ?? usual.effects;
  return {
    name: item.name,
    previousNames: item.previousNames,
    direction: item.direction,
    practice: item.practice,
    wave: item.wave,
    owners: item.owners,
    ...source,
    shard: source.origin === 'platform' ? (item.shard ?? 0) : (shardOf.get(source.feed) ?? 0),
    legs: { legacy, new: next },
    weightKey: item.weightKey ?? null,
    destination: toDestination(item.destination),
    contract: item.contract ?? null,
    correlate: item.correlate ?? null,
    outputs: item.outputs ?? 'one',
    applies: item.applies ?? null,
    settleMs: item.settle ?? null,
    captureWaitMs: item.capture?.wait ?? CAPTURE_WAIT_MS,
    changeOver: item.changeOver,
    orderWaitMs: item.orderWait ?? Math.floor(Math.min(patience(legacy), patience(next)) / 2),
    edgeCases: item.edgeCases,
    unclassifiedEffects: (known ?? []).filter((one) => one.handling === undefined).map((one) => one.kind),
    effectsAreKnown: known !== undefined,
    window: item.window ?? usual.window ?? null,
  };
}

function toSource({ origin, feed, name }: RawConnection): Source {
  if (origin === 'platform') return { origin, feed: null };
  return { origin, feed: typeof feed === 'string' ? feed : name };
}

/** The standard does not say how long a sender waits; 5 s is the shortest default seen in the field (Mirth's TCP sender). */
const UNKNOWN_ACK_TIMEOUT_MS = 5000;

function patience({ ackTimeoutMs }: Listener): number {
  return ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS;
}

function toPeer(raw: z.output<typeof platformAddress>): Peer {
  return {
    host: raw.host,
    port: raw.port,
    answer: raw.answer ?? null,
    answerTimeoutMs: raw.answerTimeout ?? null,
    framing: toFraming(raw.framing),
    isOneMessagePerConnection: raw.messagesPerConnection === 'one',
    ...toPeerSecurity(raw),
  };
}

function toDestination(raw: RawConnection['destination']): DestinationPeer {
  return { ...toPeer(raw), isShared: raw.shared, retryRejectedMs: raw.onReject === 'park' ? 0 : raw.onReject.retryFor };
}

type RawListener = Pick<
  RawFeed,
  'connect' | 'host' | 'port' | 'ackTimeout' | 'retry' | 'framing' | 'tls' | 'sourceAllow' | 'sourceAddress'
>;

function toListener(raw: RawListener): Listener {
  return {
    port: raw.port,
    dial: raw.connect === 'dial' ? { host: raw.host ?? '', ...toPeerSecurity(raw) } : null,
    ackTimeoutMs: raw.ackTimeout ?? null,
    retry: raw.retry === undefined ? STANDARD_RETRY : { withinMs: raw.retry.within, ignore: raw.retry.ignore },
    framing: toFraming(raw.framing),
    ...toListenerSecurity(raw),
  };
}

function toFraming(raw: z.output<typeof framing> | undefined): Framing {
  if (raw === undefined) return STANDARD_FRAMING;
  const [first = 0x1c, second = 0x0d] = raw.end;
  return { start: raw.start, end: [first, second] };
}
