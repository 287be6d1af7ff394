/** The database that a verb rests on. Without its address nobody was asked: a refusal, with one code and one exit code whichever verb says it. */
import type { Context } from './context.ts';
import { EXIT, VerbStop } from './stop.ts';

/** `without`: what then is not known. Throws a VerbStop. */
export function databaseUrlOf({ env }: Pick<Context, 'env'>, without: string, ...next: readonly string[]): string {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  throw new VerbStop(EXIT.refused, {
    code: 'not-configured',
    message: `${without}: DATABASE_URL is not set`,
    next: ['set DATABASE_URL to the PostgreSQL of the gateways, the worker and the verbs', ...next],
  });
}
