/**
 * What tells messages apart where the gateway could only go by order: the MSH-10, and the numbers and states of the
 * order. A platform that keeps either is paired by it, so that one lost output does not shift all pairs after it.
 */
import { createHash } from 'node:crypto';
import { fieldText, keyOf } from '../core/hl7/message.ts';
import type { Marks } from './open-input.ts';

const DIGEST_CHARACTERS = 22;

/** `payload` is null: it is no longer there. */
export function marksOf(payload: Uint8Array | null, msh10: string): Marks {
  if (payload === null) return { msh10, order: null, subject: null };
  const placer = either(payload, 'ORC-2', 'OBR-2');
  const filler = either(payload, 'ORC-3', 'OBR-3');
  const states = [either(payload, 'ORC-1', 'ORC-1'), either(payload, 'OBR-25', 'OBR-25')];
  const patient = either(payload, 'PID-3.1', 'PID-2.1');
  const type = either(payload, 'MSH-9.1', 'MSH-9.1');
  return {
    msh10,
    order: placer === '' && filler === '' ? null : digestOfText([placer, filler, ...states].join('\u0000')),
    subject: patient === '' ? null : digestOfText([patient, type].join('\u0000')),
  };
}

/** The configured key of a message, as a digest; null where it has none. */
export function keyDigest(payload: Uint8Array, paths: readonly string[] | null): string | null {
  const key = paths === null ? null : keyOf(payload, paths);
  return key === null ? null : digestOfText(key);
}

export function sameMessage(a: Marks, b: Marks): boolean {
  return (a.msh10 !== '' && a.msh10 === b.msh10) || (a.order !== null && a.order === b.order);
}

function either(payload: Uint8Array, first: string, second: string): string {
  return fieldText(payload, first) || fieldText(payload, second) || '';
}

/** Kept in the store instead of the text: numbers and keys are patient data. */
function digestOfText(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('base64url').slice(0, DIGEST_CHARACTERS);
}
