/** Before a person's key signs: the word is typed, or came with --yes. What is signed was shown before. */
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { throwIfInterrupted } from '../runner/pause.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';

export async function confirmSigning({ terminal, interruption }: Context, args: Args, verb: string): Promise<void> {
  if (args.yes === true) return;
  if (!terminal.isInteractive)
    throw usage(`'${verb}' signs a document: without a terminal it needs --yes`, `cutover ${verb} … --yes`);
  const answer = await terminal.ask(`Type '${verb}' to sign: `, interruption).catch(() => '');
  throwIfInterrupted(interruption);
  if (answer === verb) return;
  throw new VerbStop(EXIT.refused, { code: 'not-confirmed', message: 'not signed; nothing was written', next: [] });
}
