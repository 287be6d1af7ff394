/** What one look came to: what was looked at, how it is, and what to do about it. */
import type { DoctorFinding } from '../../core/documents.ts';

export type Finding = DoctorFinding;

export function fine(check: string, message: string): Finding {
  return { check, verdict: 'ok', message, remedy: null };
}

/** Nothing is known, and nothing that the product needs is missing because of it. */
export function notLooked(check: string, message: string, remedy: string | null = null): Finding {
  return { check, verdict: 'not-checked', message, remedy };
}

export function doubtful(check: string, message: string, remedy: string): Finding {
  return { check, verdict: 'warning', message, remedy };
}

export function wrong(check: string, message: string, remedy: string): Finding {
  return { check, verdict: 'failed', message, remedy };
}
