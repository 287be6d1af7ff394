/**
 * Messages in a file: framed by MLLP, one after the other, in batches (HL7 v2 section 2.10.3), with line feeds or not. The parts
 * are the whole: what is no message is a header, a trailer, or what stands between.
 */
import type { Span } from './message.ts';

export type Part = Span & { readonly kind: 'message' | 'batch-header' | 'batch-trailer' | 'between' };

const FRAME_BEGIN = 0x0b;
const FRAME_END = 0x1c;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const KINDS: Readonly<Record<string, Part['kind']>> = {
  MSH: 'message',
  FHS: 'batch-header',
  BHS: 'batch-header',
  BTS: 'batch-trailer',
  FTS: 'batch-trailer',
};

/** In order, without a gap. A message ends before the next MSH, batch segment or end of its frame. */
export function partsOf(bytes: Uint8Array): readonly Part[] {
  const parts: Part[] = [];
  let begin = 0;
  let kind: Part['kind'] = 'between';
  const turn = (at: number, next: Part['kind']): void => {
    if (at > begin) parts.push({ kind, start: begin, end: at });
    begin = at;
    kind = next;
  };
  for (let at = 0; at < bytes.length; at = lineAfter(bytes, at)) {
    if (bytes[at] === FRAME_BEGIN) turn(at, 'between');
    const start = bytes[at] === FRAME_BEGIN ? at + 1 : at;
    const found = KINDS[String.fromCharCode(bytes[start] ?? 0, bytes[start + 1] ?? 0, bytes[start + 2] ?? 0)];
    if (found !== undefined) turn(start, found);
    const frameEnd = bytes.subarray(start, lineAfter(bytes, at)).indexOf(FRAME_END);
    if (frameEnd >= 0) turn(start + frameEnd, 'between');
  }
  turn(bytes.length, 'between');
  return parts;
}

function lineAfter(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== CARRIAGE_RETURN && bytes[at] !== LINE_FEED) at++;
  while (at < bytes.length && (bytes[at] === CARRIAGE_RETURN || bytes[at] === LINE_FEED)) at++;
  return at;
}
