/** What is wrong with a command line, in one line, with the flag that was probably meant. */
import { nearest } from './nearest.ts';

/** `error`: what `parseArgs`, or whoever read its values, threw; `flags`: the names that there are, without dashes. */
export function sayWrongFlag(error: unknown, flags: readonly string[]): string {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Error && 'code' in error)) return text;
  // After its first sentence Node's parser gives advice about positional arguments.
  const [first = text] = text.split(/\.[ \n]|\n/);
  const unknown = /^Unknown option '-*([^']+)'/.exec(first)?.[1];
  const close = unknown === undefined ? null : nearest(unknown, flags);
  return close === null ? first : `${first}; did you mean --${close}?`;
}
