/** A time on the command line: always with its zone, so that nobody's night depends on the zone of a laptop. */
import { usage } from './stop.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** In UTC, whatever zone it was given in. */
export function timeOf(flag: string, text: string): string {
  if (!TIME.test(text) || Number.isNaN(Date.parse(text))) {
    throw usage(
      `--${flag} is '${text}'; it must be a time with its zone`,
      `--${flag} 2026-03-01T22:00Z`,
      `--${flag} 2026-03-01T23:00+01:00`,
    );
  }
  return new Date(text).toISOString().replace('.000Z', 'Z');
}
