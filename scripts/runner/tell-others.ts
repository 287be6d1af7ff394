/**
 * After a verb: receivers of `stacks/NAME/notify.yaml` are told. The result is printed by then, the leases are given
 * back, and whatever a receiver does changes nothing: it is one line on stderr, within a few seconds.
 */
import { NOTIFY_LIMIT_MS, readReceivers, type Told, tellAll } from '../../adapters/notify.ts';
import type { MoveDocument } from '../../core/documents.ts';
import type { GateDocument } from '../../core/gate/gate-document.ts';
import { type GateSaid, noticeOfGate } from '../../core/notice/gate.ts';
import { type Notice, type NoticeSource, noticeOfMove } from '../../core/notice/notice.ts';
import type { Context } from './context.ts';
import { stackFolderOf } from './stack-folder.ts';

export async function tellOfMove(context: Context, document: MoveDocument): Promise<void> {
  const { changed, aborted, failed, refused, verb } = document;
  const barred = refused.filter(({ code }) => code === 'gate-red');
  const touched = [...changed, ...aborted, ...failed, ...barred].map(({ name }) => name ?? '');
  await tell(context, verb, noticeOfMove(document, sourceOf(context, touched)));
}

/** `before`: what it said of the same connections when it was last asked. */
export async function tellOfGate(context: Context, document: GateDocument, before: GateSaid | null): Promise<void> {
  const { connections } = document;
  await tell(context, 'gate', noticeOfGate(document, before, { ...sourceOf(context, connections), connections }));
}

function sourceOf({ inventory, stack, operator, clock, selected }: Context, names: readonly string[]): NoticeSource {
  const touched = new Set(names);
  const waves = selected.filter(({ name }) => touched.has(name)).map(({ wave }) => wave);
  return { deployment: inventory.deployment, stack, operator, at: clock.now(), waves: [...new Set(waves)] };
}

async function tell(context: Context, verb: string, notice: Notice | null): Promise<void> {
  const { project, terminal, env } = context;
  if (project === null || notice === null) return;
  const receivers = await readReceivers(stackFolderOf(context));
  if (!receivers.ok) terminal.warn(`nobody was told (the ${verb} is not concerned): ${receivers.message}`);
  else for (const told of await tellAll(receivers.value, notice, env)) sayUntold(told, verb, terminal.warn);
}

function sayUntold({ receiver, ok, message }: Told, verb: string, warn: (text: string) => void): void {
  if (ok) return;
  warn(
    `'${receiver}' of notify.yaml was not told: ${message}. The ${verb} is done and not concerned; ` +
      `it was waited for at most ${NOTIFY_LIMIT_MS / 1000} s after it (cutover notify tries all of them)`,
  );
}
