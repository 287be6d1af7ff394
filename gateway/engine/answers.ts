/**
 * HL7 acknowledgements (HL7 v2 chapter 2, section 2.9): reading the verdict out of a peer's answer, and the few answers
 * that the gateway writes itself (rule 1): a refusal, the answer to a captured output, the AA to a parked one.
 */
import { hash } from 'node:crypto';
import { fieldText, readDelimiters, withField } from '../../core/hl7/message.ts';
import { parseFieldPath } from '../../core/hl7/path.ts';
import type { AnswerMatch } from '../../core/inventory.ts';
import type { MessageFacts, Verdict } from './records.ts';

// Asked for with every message.
const MSH_10 = parseFieldPath('MSH-10');
const MSA_1 = parseFieldPath('MSA-1');
const MSA_2 = parseFieldPath('MSA-2');

/** The standard's limit is 199. What is far longer is taken for none: it would be kept thousands of times over, and shown. */
const ID_LIMIT_CHARACTERS = 1024;

/** MSH-10 as latin1 text (empty where it is absent, or too long for an id) and the SHA-256 of the payload in hex. */
export function factsOf(payload: Uint8Array): MessageFacts {
  const id = fieldText(payload, MSH_10) ?? '';
  return { msh10: id.length > ID_LIMIT_CHARACTERS ? '' : id, sha: hash('sha256', payload, 'hex') };
}

export type ReadAnswer = {
  readonly verdict: Verdict;
  readonly msa2: string;
  /** CA: the peer keeps the message safe, and will say later what has become of it. */
  readonly isCommit: boolean;
};

/** Null where the frame carries no MSA: it is no acknowledgement. */
export function readAnswer(payload: Uint8Array): ReadAnswer | null {
  const code = fieldText(payload, MSA_1);
  if (code === null) return null;
  return { verdict: verdictOf(code), msa2: fieldText(payload, MSA_2) ?? '', isCommit: code === 'CA' };
}

function verdictOf(code: string): Verdict {
  switch (code) {
    case 'AA':
    case 'CA':
      return 'positive';
    case 'AE':
    case 'AR':
    case 'CE':
    case 'CR':
      return 'negative';
    default:
      return 'other';
  }
}

const PREFIX_LENGTH = 20;

/** The strictest rule that this answer satisfies: what is learned from it, and what it is credited by. */
export function strictestMatch(msa2: string, msh10: string): AnswerMatch {
  if (msh10 !== '' && msa2 === msh10) return 'msa2';
  if (msh10.length > PREFIX_LENGTH && msa2 === msh10.slice(0, PREFIX_LENGTH)) return 'msa2-prefix20';
  return 'position';
}

/** True where an answer with this MSA-2 may be credited to the message (rule 7). */
export function isCredited(match: AnswerMatch, msa2: string, msh10: string): boolean {
  const strictest = strictestMatch(msa2, msh10);
  switch (match) {
    case 'msa2':
      // A message without an id cannot be named by its answer: the position is all there is.
      return strictest === 'msa2' || msh10 === '';
    case 'msa2-prefix20':
      return strictest !== 'position' || msh10 === '';
    case 'position':
      return true;
  }
}

/** The control's answer as the candidate would have got it: the id of its own output in MSA-2, whole. Everything else stays. */
export function readdress(answer: Uint8Array, output: Uint8Array): Uint8Array {
  return withField(answer, 'MSA-2', Buffer.from(fieldText(output, MSH_10) ?? '', 'latin1')) ?? answer;
}

/** An acknowledgement of the gateway's own, with the sender's delimiters, ids and version. `atMs` fills MSH-7. */
export function ownAnswer(payload: Uint8Array, code: 'AA' | 'AE' | 'AR', text: string, atMs: number): Buffer {
  const delimiters = readDelimiters(payload);
  const field = delimiters === null ? '|' : String.fromCharCode(delimiters.field);
  const component = delimiters === null ? '^' : String.fromCharCode(delimiters.component);
  const get = (path: string): string => fieldText(payload, path) ?? '';
  const encoding = delimiters === null ? '^~\\&' : get('MSH-2');
  const trigger = get('MSH-9.2');
  const type = trigger === '' ? 'ACK' : `ACK${component}${trigger}`;
  const header = [
    'MSH',
    encoding,
    get('MSH-5'),
    get('MSH-6'),
    get('MSH-3'),
    get('MSH-4'),
    hl7Timestamp(atMs),
    '',
    type,
    `CUTOVER${get('MSH-10')}`,
    get('MSH-11') || 'P',
    get('MSH-12') || '2.5',
  ].join(field);
  const acknowledgement = ['MSA', code, get('MSH-10'), text].join(field);
  return Buffer.from(`${header}\r${acknowledgement}\r`, 'latin1');
}

function hl7Timestamp(atMs: number): string {
  return new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14);
}
