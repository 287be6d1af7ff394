/** Answers as the parties give them (HL7 v2 chapter 2, section 2.9): addresses swapped, MSA-2 = MSH-10 of the message. */
import { readHeader } from './reading.ts';
import { headerSegment, segment, timestamp } from './segments.ts';

/** CA: a commit, in enhanced mode. */
export type AnswerCode = 'AA' | 'AE' | 'AR' | 'CA';

export function answerTo(message: Buffer, code: AnswerCode, controlId: string, at: Date): Buffer {
  const { fields } = readHeader(message);
  const event = (fields[9] ?? '').split('^')[1] ?? '';
  const header = headerSegment({
    3: fields[5] ?? '',
    4: fields[6] ?? '',
    5: fields[3] ?? '',
    6: fields[4] ?? '',
    7: timestamp(at),
    9: event === '' ? 'ACK' : `ACK^${event}`,
    10: controlId,
    11: 'P',
    12: fields[12] ?? '2.5.1',
  });
  const text = code === 'AA' || code === 'CA' ? '' : 'not taken';
  return Buffer.from(`${header}\r${segment('MSA', { 1: code, 2: fields[10] ?? '', 3: text })}\r`, 'latin1');
}
