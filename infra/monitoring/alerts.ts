/**
 * What wakes someone, defined once: the rules of Prometheus and the alarms of CloudWatch are made from this list. Each
 * alert has a section in a runbook, and a condition over figures that the gateway or the worker really has.
 */

export type Condition =
  /** A figure beyond a limit. */
  | {
      readonly kind: 'value';
      readonly metric: string;
      readonly is: '>' | '<';
      readonly limit: number;
      readonly where?: Where;
    }
  /** So much more within the last `overMs`. */
  | {
      readonly kind: 'increase';
      readonly metric: string;
      readonly over: number;
      readonly overMs: number;
      readonly where?: Where;
    }
  /** The share of one counter in another, over the last `overMs`. */
  | {
      readonly kind: 'share';
      readonly metric: string;
      readonly part: Where;
      readonly of: Where;
      readonly over: number;
      readonly overMs: number;
    }
  /** One figure as a share of another. */
  | {
      readonly kind: 'ratio';
      readonly metric: string;
      readonly of: string;
      readonly is: '>' | '<';
      readonly limit: number;
    }
  /** A point in time that is nearer than `aheadMs`. */
  | { readonly kind: 'expires'; readonly metric: string; readonly aheadMs: number }
  /** Nothing was counted for `quietMs`, where a week ago there was something. */
  | {
      readonly kind: 'silence';
      readonly metric: string;
      readonly where: Where;
      /** Only where this has never been counted. */
      readonly without?: Where;
      readonly quietMs: number;
      readonly usual: number;
    }
  /** Not so many different values of `label` are there, among the series that show 1. */
  | {
      readonly kind: 'fewer';
      readonly metric: string;
      readonly label: string;
      readonly than: number;
      readonly where?: Where;
    };

export type Where = Readonly<Record<string, string>>;

export type Alert = {
  readonly name: string;
  readonly severity: 'page' | 'ticket';
  /** A sentence; labels of the figure, as `{{connection}}`, are filled in where there are any. */
  readonly summary: string;
  /** File under runbooks/ and its section. */
  readonly runbook: string;
  readonly condition: Condition;
  /** How long it must hold. */
  readonly forMs: number;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `shards`: how many gateways there have to be. */
export function alertsFor({ shards }: { readonly shards: number }): readonly Alert[] {
  return [gatewayDown(shards), ...ALERTS];
}

function gatewayDown(shards: number): Alert {
  return {
    name: 'GatewayDown',
    severity: 'page',
    summary: 'a gateway does not tell its figures: its senders wait',
    runbook: 'gateway-down.md#the-gateway-is-down',
    condition: { kind: 'fewer', metric: 'cutover_info', label: 'shard', than: shards },
    forMs: 2 * MINUTE_MS,
  };
}

const ALERTS: readonly Alert[] = [
  {
    name: 'ShadowLag',
    severity: 'page',
    summary: '{{connection}}: the other platform is far behind; a switch or a rollback would have to wait',
    runbook: 'shadow-lag.md#shadow-lag',
    condition: { kind: 'value', metric: 'cutover_shadow_lag_messages', is: '>', limit: 1000 },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'ShadowGap',
    severity: 'page',
    summary: '{{connection}}: on a full disk, messages were kept from the other platform; they are gone for it',
    runbook: 'shadow-lag.md#given-up-on-a-full-disk',
    condition: { kind: 'value', metric: 'cutover_shadow_gap_messages', is: '>', limit: 0 },
    forMs: 0,
  },
  {
    name: 'Held',
    severity: 'page',
    summary: '{{connection}}: nothing new is admitted for too long',
    runbook: 'triage.md#held',
    condition: { kind: 'value', metric: 'cutover_held', is: '>', limit: 0 },
    forMs: MINUTE_MS,
  },
  {
    name: 'Fenced',
    severity: 'page',
    summary: '{{connection}}: it serves nobody until its epoch is known',
    runbook: 'triage.md#fenced',
    condition: { kind: 'value', metric: 'cutover_fenced', is: '>', limit: 0 },
    forMs: 0,
  },
  {
    name: 'EpochConflict',
    severity: 'ticket',
    summary: 'moves are refused: someone acts on an epoch that is no longer true, or without a valid approval',
    runbook: 'triage.md#refused-moves',
    condition: { kind: 'increase', metric: 'cutover_moves_refused_total', over: 0, overMs: 10 * MINUTE_MS },
    forMs: 0,
  },
  {
    name: 'Pause',
    severity: 'page',
    summary: '{{connection}}: around a swap its sender waited longer than it has patience for',
    runbook: 'swap-aborted.md#a-pause-that-was-too-long',
    condition: { kind: 'increase', metric: 'cutover_pauses_too_long_total', over: 0, overMs: 15 * MINUTE_MS },
    forMs: 0,
  },
  {
    name: 'Divergence',
    severity: 'ticket',
    summary: '{{connection}}: the two platforms have not made the same output',
    runbook: 'recover.md#divergence',
    condition: { kind: 'increase', metric: 'cutover_worker_divergent_pairs_total', over: 0, overMs: 15 * MINUTE_MS },
    forMs: 0,
  },
  {
    name: 'SourceRejected',
    severity: 'page',
    summary: '{{connection}}: the primary answers more than one message in twenty negatively',
    runbook: 'triage.md#rejected',
    condition: {
      kind: 'share',
      metric: 'cutover_messages_total',
      part: { counter: 'rejected' },
      of: { counter: 'received' },
      over: 0.05,
      overMs: 10 * MINUTE_MS,
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'DestinationRejected',
    severity: 'page',
    summary: '{{connection}}: the destination answers more than one output in twenty negatively',
    runbook: 'triage.md#rejected',
    condition: {
      kind: 'share',
      metric: 'cutover_messages_total',
      part: { counter: 'destinationRejected' },
      of: { counter: 'outputs' },
      over: 0.05,
      overMs: 10 * MINUTE_MS,
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'Silence',
    severity: 'page',
    summary: '{{connection}}: nothing for half an hour, where a week ago there was traffic',
    runbook: 'triage.md#silence',
    condition: {
      kind: 'silence',
      metric: 'cutover_messages_total',
      where: { counter: 'received' },
      quietMs: 30 * MINUTE_MS,
      usual: 10,
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'OutputSilence',
    severity: 'page',
    summary: '{{connection}}: it has no feed, and its platform has sent nothing for half an hour, unlike a week ago',
    runbook: 'triage.md#silence',
    condition: {
      kind: 'silence',
      metric: 'cutover_messages_total',
      where: { counter: 'outputs' },
      without: { counter: 'received' },
      quietMs: 30 * MINUTE_MS,
      usual: 10,
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'StrangerSends',
    severity: 'page',
    summary: '{{connection}}: a platform sends that does not own it; it is refused, and keeps what it has not sent',
    runbook: 'triage.md#stranger-sends',
    condition: { kind: 'value', metric: 'cutover_stranger_messages', is: '>', limit: 0 },
    forMs: 0,
  },
  {
    name: 'Unanswered',
    severity: 'ticket',
    summary: '{{connection}}: a message was sent without a verdict; it is on the list maybeSent',
    runbook: 'triage.md#maybe-sent',
    condition: {
      kind: 'increase',
      metric: 'cutover_messages_total',
      where: { counter: 'maybeSent' },
      over: 0,
      overMs: 15 * MINUTE_MS,
    },
    forMs: 0,
  },
  {
    name: 'Parked',
    severity: 'page',
    summary: '{{connection}}: an output belongs to no connection, and was parked',
    runbook: 'triage.md#parked',
    condition: {
      kind: 'increase',
      metric: 'cutover_messages_total',
      where: { counter: 'parked' },
      over: 0,
      overMs: 15 * MINUTE_MS,
    },
    forMs: 0,
  },
  {
    name: 'DecisionOpen',
    severity: 'page',
    summary: '{{connection}}: a message waits for a person to decide',
    runbook: 'decision-list.md#the-decision-list',
    condition: { kind: 'value', metric: 'cutover_decisions_open', is: '>', limit: 0 },
    forMs: 0,
  },
  {
    name: 'RollbackNotReady',
    severity: 'page',
    summary: '{{connection}}: it is switched, and a rollback would not be lossless now',
    runbook: 'rollback.md#rollback',
    condition: { kind: 'value', metric: 'cutover_rollback_at_risk', is: '>', limit: 0 },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'DiskFilling',
    severity: 'page',
    summary: 'less than a fifth of the journal’s disk is free',
    runbook: 'recover.md#disk',
    condition: {
      kind: 'ratio',
      metric: 'cutover_disk_free_bytes',
      of: 'cutover_disk_total_bytes',
      is: '<',
      limit: 0.2,
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'FramesFilling',
    severity: 'page',
    summary: 'messages without an answer take four fifths of what they may: past it long ones wait, then are refused',
    runbook: 'triage.md#a-limit-is-near',
    condition: { kind: 'ratio', metric: 'cutover_frame_bytes', of: 'cutover_frame_limit_bytes', is: '>', limit: 0.8 },
    forMs: MINUTE_MS,
  },
  {
    name: 'AnswersFilling',
    severity: 'page',
    summary: 'unfinished answers take four fifths of what they may: past it their connections are closed',
    runbook: 'triage.md#a-limit-is-near',
    condition: { kind: 'ratio', metric: 'cutover_answer_bytes', of: 'cutover_answer_limit_bytes', is: '>', limit: 0.8 },
    forMs: MINUTE_MS,
  },
  {
    name: 'OpenInputsFilling',
    severity: 'page',
    summary:
      'messages that wait for their outputs are four fifths of what is kept: past it the oldest are no longer waited for',
    runbook: 'triage.md#a-limit-is-near',
    condition: { kind: 'ratio', metric: 'cutover_open_inputs', of: 'cutover_open_inputs_limit', is: '>', limit: 0.8 },
    forMs: MINUTE_MS,
  },
  {
    name: 'SocketsRefused',
    severity: 'ticket',
    summary:
      '{{endpoint}}: sockets are turned away ({{cause}}): from an address that is not allowed, or without a valid certificate',
    runbook: 'triage.md#sockets-are-refused',
    condition: { kind: 'increase', metric: 'cutover_sockets_refused_total', over: 10, overMs: 15 * MINUTE_MS },
    forMs: 0,
  },
  {
    name: 'ShippingLag',
    severity: 'ticket',
    summary: 'the database is more than five minutes behind the journal; traffic is not touched',
    runbook: 'recover.md#database',
    condition: { kind: 'value', metric: 'cutover_shipping_lag_seconds', is: '>', limit: 300 },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'RecordsMissing',
    severity: 'page',
    summary: 'records were purged before they were in the database: their proof has a hole',
    runbook: 'recover.md#database',
    condition: { kind: 'value', metric: 'cutover_shipping_missing_records_total', is: '>', limit: 0 },
    forMs: 0,
  },
  {
    name: 'WorkerLag',
    severity: 'ticket',
    summary: 'the proof worker is more than five minutes behind: gates are red',
    runbook: 'recover.md#worker',
    condition: { kind: 'value', metric: 'cutover_worker_lag_seconds', is: '>', limit: 300 },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'WorkerDown',
    severity: 'ticket',
    summary: 'no proof worker works: nothing is compared, and gates are red',
    runbook: 'recover.md#worker',
    condition: {
      kind: 'fewer',
      metric: 'cutover_worker_state',
      label: 'state',
      than: 1,
      where: { state: 'working' },
    },
    forMs: 5 * MINUTE_MS,
  },
  {
    name: 'CertificateExpires',
    severity: 'page',
    summary: 'a certificate of the gateway ends within two weeks',
    runbook: 'recover.md#certificate',
    condition: { kind: 'expires', metric: 'cutover_certificate_expires_timestamp_seconds', aheadMs: 14 * DAY_MS },
    forMs: 0,
  },
];

/** Always on: who does not hear it any more knows that monitoring itself is dead. */
export const DEAD_MANS_SWITCH = 'CutoverWatchdog';
