/**
 * One output of the control against one of the candidate: frozen observations in, differences out. Nothing is shown
 * that a message says; a difference that a rule accepts names the rule.
 */

import { findField, type Span } from '../hl7/message.ts';
import type { Message, Segment } from '../hl7/reader.ts';
import { readMessage, textOf } from '../hl7/reader.ts';
import type { Platform } from '../platform.ts';
import { accepts, type CompiledRules, hiddenBy } from '../rules/compiled.ts';
import { alignSegments } from './align.ts';
import type { Difference, DifferenceKind } from './difference.ts';
import { compareFields } from './fields.ts';
import { ignoringRule, isForMessage, type Judge, reportedSegment, valuesOf } from './judge.ts';
import { hasSameDelimiters, isSameSpan, type Side, sidesOf } from './side.ts';

export type { CompiledRules } from '../rules/compiled.ts';
export type { Difference } from './difference.ts';

/** One platform's output, as it was observed; for an input's own answer `payload` is null. */
export type Observation = {
  readonly platform: Platform;
  /** The frame's content, byte for byte. */
  readonly payload: Uint8Array;
  readonly msh10: string;
  /** SHA-256 of the payload, hex, whole or its beginning: both sides the same length. */
  readonly sha: string;
  /** Milliseconds since 1970 at which it came to the gateway. */
  readonly atMs: number;
  /** Where the platform sent it: the name of the connection. */
  readonly destination: string;
  readonly answer: Answer | null;
};

export type Answer = {
  /** MSA-1. */
  readonly verdict: string;
  readonly payload: Uint8Array | null;
};

export type PairResult = {
  /** Nothing differs but what rules accept. */
  readonly matched: boolean;
  readonly differences: readonly Difference[];
  /** The candidate's time less the control's. */
  readonly delayMs: number;
};

/** Far more than anyone reads of one pair; the rest is one more difference of the message itself. */
const DIFFERENCES_LIMIT = 500;

export function comparePair(control: Observation, candidate: Observation, rules: CompiledRules): PairResult {
  const differences = [
    ...compareEnvelope(control, candidate, rules),
    ...(control.sha === candidate.sha && control.sha !== '' ? [] : compareBytes(control, candidate, rules)),
  ];
  return {
    matched: differences.every(({ rule }) => rule !== null),
    differences: differences.slice(0, DIFFERENCES_LIMIT),
    delayMs: candidate.atMs - control.atMs,
  };
}

/** Two digests and the same bytes: neither is there any more, and nobody can say that they agree. */
function compareBytes(control: Observation, candidate: Observation, rules: CompiledRules): Difference[] {
  const isGone = control.payload.length === 0 && candidate.payload.length === 0;
  if (isGone && control.sha !== candidate.sha) return [plain('message', 'unreadable', 'the bytes are not there')];
  return comparePayloads(control.payload, candidate.payload, control.platform, rules);
}

/** The bytes alone, wherever they come from: a replay, a file. `controlPlatform`: whose the first are. */
export function comparePayloads(
  control: Uint8Array,
  candidate: Uint8Array,
  controlPlatform: Platform,
  rules: CompiledRules,
): Difference[] {
  const [left, right] = [readMessage(control), readMessage(candidate)];
  if (left === null || right === null) {
    if (Buffer.compare(control, candidate) === 0) return [];
    const shape =
      left === null && right === null ? 'both are no HL7' : left === null ? 'control is no HL7' : 'candidate is no HL7';
    return [plain('message', 'unreadable', shape)];
  }
  return compareMessages(left, right, controlPlatform, rules);
}

function compareMessages(left: Message, right: Message, controlPlatform: Platform, rules: CompiledRules): Difference[] {
  const judge: Judge = { rules, controlPlatform, messageType: messageTypeOf(left) };
  const { pairs, moved, missing, extra } = alignSegments(sidesOf(left), sidesOf(right));
  const restructured = new Set(
    [...moved.map(([side]) => side), ...missing, ...extra].map(({ segment }) => segment.name),
  );
  const found = [
    ...compareCharsets(left, right, judge),
    ...missing.map((side) => reportedSegment(judge, side, 'segment-missing', 'not in the candidate')),
    ...extra.map((side) => reportedSegment(judge, side, 'segment-extra', 'not in the control')),
    ...moved.map(([side]) => reportedSegment(judge, side, 'segment-moved', 'stands elsewhere')),
  ];
  const sameDelimiters = hasSameDelimiters(left, right);
  for (const [a, b] of pairs) {
    if (sameDelimiters && isSameSpan(left, a.segment, right, b.segment)) continue;
    found.push(...compareSegments(a, b, judge, restructured.has(a.segment.name)));
  }
  // Also where something else differs and a rule accepts it: each output has a time of its own.
  found.push(...compareLeads(left, right, judge), ...compareEnds(left, right, pairs, judge));
  return found;
}

function compareSegments(left: Side, right: Side, judge: Judge, renumbered: boolean): Difference[] {
  const ignoring = ignoringRule(judge, left, right);
  if (ignoring === null) return compareFields(left, right, judge, renumbered);
  return [reportedSegment(judge, left, 'value', 'ignored as a whole')];
}

/** MSH-18 is true on one side and a lie on the other, or both say nothing and mean different things. */
function compareCharsets(left: Message, right: Message, judge: Judge): Difference[] {
  const [control, candidate] = [left.charset, right.charset];
  if (left.wide !== right.wide) {
    const [from, to] = [left.wide ?? control.charset, right.wide ?? candidate.charset];
    const difference = { ...plain('MSH-18', 'charset', `${from} against ${to}`), segment: 1 };
    return [accepting(judge, difference, from, to)];
  }
  const isAscii = control.charset === 'ascii' || candidate.charset === 'ascii';
  const sameDeclared = control.declared === candidate.declared;
  if (isAscii || (control.finding === candidate.finding && (control.charset === candidate.charset || !sameDeclared)))
    return [];
  const shape = `${control.charset} against ${candidate.charset}`;
  return [accepting(judge, { ...plain('MSH-18', 'charset', shape), segment: 1 }, control.charset, candidate.charset)];
}

/** What stands before MSH: a byte order mark and blanks say nothing; anything else does, and is no spelling. */
function compareLeads(left: Message, right: Message, judge: Judge): Difference[] {
  const [control, candidate] = [latin1(left.bytes, left.lead), latin1(right.bytes, right.lead)];
  if (control === candidate) return [];
  if (SAYS_NOTHING.test(control) && SAYS_NOTHING.test(candidate)) {
    return [accepting(judge, plain('message', 'spelling', 'bytes before MSH'), control, candidate, true)];
  }
  return [plain('message', 'value', 'what stands before MSH')];
}

const SAYS_NOTHING = /^(\xef\xbb\xbf)?[ \t\r\n\0]*$/;

/** Segments that agree, and end otherwise. Where one is the last of its message alone, the two last ones are compared. */
function compareEnds(
  left: Message,
  right: Message,
  pairs: readonly (readonly [Side, Side])[],
  judge: Judge,
): Difference[] {
  const last = [left.segments.at(-1), right.segments.at(-1)] as const;
  const differs = (a: Segment, b: Segment): boolean =>
    (a === last[0]) === (b === last[1]) && !isSameSpan(left, endOf(a), right, endOf(b));
  const [a, b] = pairs.find((pair) => differs(pair[0].segment, pair[1].segment))?.map(({ segment }) => segment) ?? last;
  if (a === undefined || b === undefined || isSameSpan(left, endOf(a), right, endOf(b))) return [];
  const [control, candidate] = [latin1(left.bytes, endOf(a)), latin1(right.bytes, endOf(b))];
  return [accepting(judge, plain('message', 'spelling', 'ends of segments'), control, candidate, true)];
}

/** The terminators behind a segment. */
function endOf({ end, next }: Segment): Span {
  return { start: end, end: next };
}

function latin1(bytes: Uint8Array, { start, end }: Span): string {
  return start === end ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function compareEnvelope(control: Observation, candidate: Observation, rules: CompiledRules): Difference[] {
  const found: Difference[] = [];
  const accept = (difference: Difference, left: string, right: string): void => {
    // Read only where something differs, which is seldom.
    const message = readMessage(control.payload);
    const messageType = message === null ? '' : messageTypeOf(message);
    const judge: Judge = { rules, controlPlatform: control.platform, messageType };
    found.push(accepting(judge, difference, left, right));
  };
  if (control.destination !== candidate.destination) {
    const difference = plain('destination', 'destination', 'sent to another destination');
    accept(difference, control.destination, candidate.destination);
  }
  const [given, other] = [control.answer?.verdict, candidate.answer?.verdict];
  if (given !== undefined && other !== undefined && given !== other) {
    const difference = plain('answer', 'answer', `${answerClass(given)} against ${answerClass(other)}`);
    accept(difference, given, other);
  }
  const delayMs = candidate.atMs - control.atMs;
  if (rules.delayLimitMs !== null && delayMs > rules.delayLimitMs) {
    const difference = plain('delay', 'delay', `later than ${rules.delayLimitMs / 1000} s`);
    accept(difference, '', '');
  }
  return found;
}

function answerClass(verdict: string): string {
  return /^[AC][AER]$/.test(verdict) ? verdict : 'another code';
}

/** Accepted by the first rule of just this path that agrees. */
function accepting(
  judge: Judge,
  difference: Difference,
  control: string,
  candidate: string,
  sameMeaning = false,
): Difference {
  const values = valuesOf(judge, control, candidate);
  const [, segment = difference.path, field = '0'] = /^([A-Z][A-Z0-9]{2})-(\d+)$/.exec(difference.path) ?? [];
  const rules = [...(judge.rules.bySegment.get(segment) ?? []), ...(judge.rules.bySegment.get('*') ?? [])];
  const rule = rules.find(
    (each) =>
      (each.segment === '*' || each.field === Number(field)) &&
      each.codes === null &&
      isForMessage(each, judge.messageType) &&
      accepts(each, values, sameMeaning),
  );
  return rule === undefined ? difference : { ...difference, rule: rule.ref, hidden: hiddenBy(values) };
}

function plain(path: string, kind: DifferenceKind, shape: string): Difference {
  return { path, kind, rule: null, code: null, segment: 0, shape, hidden: null };
}

function messageTypeOf(message: Message): string {
  const at = message.segments.find(({ name }) => name === 'MSH')?.start ?? message.lead.end;
  const span = findField(message.bytes.subarray(at), 'MSH-9');
  if (span === null) return '';
  const text = textOf(message, { start: span.start + at, end: span.end + at });
  const component = String.fromCharCode(message.delimiters.component);
  return text.split(component).slice(0, 2).join('^');
}
