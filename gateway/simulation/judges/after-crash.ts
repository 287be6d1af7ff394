/**
 * The judge of first messages after a crash, at the end of a night: the first of each sender that is not an attempt of an
 * earlier one is listed, however many restarts in good order lie between, and nothing else is listed as such (rules 2 and 3).
 */
import type { Evidence } from './evidence.ts';

export function judgeAfterCrash({ disk, violate }: Evidence): void {
  /** Senders since the last crash; null: there was none. */
  let heard: Set<string> | null = null;
  const senders = new Map<string, string>();
  for (const { meta } of disk.view.all()) {
    if (meta.t === 'start' && !meta.clean) heard = new Set();
    if (meta.t === 'list') {
      if (meta.cause === 'before-crash' && heard?.has(meta.heard ?? '') !== false)
        violate(2, `${meta.message.msh10}: listed as the first of its sender after a crash, which it is not`);
      if (meta.heard !== undefined) heard?.add(meta.heard);
      // Another attempt at what the crash had left unknown, refused now: it has no other record.
      if (meta.list === 'refused') heard?.add(senders.get(meta.message.sha) ?? '');
    }
    if (meta.t === 'output') senders.set(meta.sha, meta.sender);
    if ((meta.t !== 'input' && meta.t !== 'output') || heard === null) continue;
    if (meta.attemptOf === null && !heard.has(meta.sender))
      violate(3, `${meta.msh10}: the first ${meta.t} of its sender after a crash, on no list`);
    heard.add(meta.sender);
  }
}
