/**
 * After a move: receivers of `stacks/NAME/notify.yaml` are told. The result is printed by then, the leases are given
 * back, and whatever a receiver does changes nothing: it is one line on stderr, within a few seconds.
 */
import { NOTIFY_LIMIT_MS, readReceivers, type Told, tellAll } from '../../adapters/notify.ts';
import type { MoveDocument } from '../../core/documents.ts';
import { noticeOfMove } from '../../core/notice/notice.ts';
import type { Context } from './context.ts';
import { stackFolderOf } from './stack-folder.ts';

export async function tellOthers(context: Context, document: MoveDocument): Promise<void> {
  const { project, terminal, inventory, stack, operator, clock, selected, env } = context;
  if (project === null) return;
  const touched = new Set([...document.changed, ...document.aborted, ...document.failed].map(({ name }) => name ?? ''));
  const waves = selected.filter(({ name }) => touched.has(name)).map(({ wave }) => wave);
  const { deployment } = inventory;
  const notice = noticeOfMove(document, { deployment, stack, operator, at: clock.now(), waves: [...new Set(waves)] });
  if (notice === null) return;
  const receivers = await readReceivers(stackFolderOf(context));
  if (!receivers.ok) terminal.warn(`nobody was told (the ${document.verb} is not concerned): ${receivers.message}`);
  else for (const told of await tellAll(receivers.value, notice, env)) sayUntold(told, document.verb, terminal.warn);
}

function sayUntold({ receiver, ok, message }: Told, verb: string, warn: (text: string) => void): void {
  if (ok) return;
  warn(
    `'${receiver}' of notify.yaml was not told: ${message}. The ${verb} is done and not concerned; ` +
      `it was waited for at most ${NOTIFY_LIMIT_MS / 1000} s after it (cutover notify tries all of them)`,
  );
}
