/**
 * Something that people who are not at the terminal should hear: what has moved, what is red, what is finished. It holds
 * names, counts, phases and who; never a reason that somebody typed, and no message content: it leaves the house.
 */
import { counted } from '../count-words.ts';
import type { MoveDocument } from '../documents.ts';

/** What a receiver can ask for. */
export const NOTICE_EVENTS = ['phase', 'red', 'finish'] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

export type Notice = {
  /** Who wants any of these gets it. */
  readonly events: readonly NoticeEvent[];
  readonly level: 'good' | 'bad' | 'info';
  /** One line. */
  readonly title: string;
  readonly facts: readonly (readonly [term: string, fact: string])[];
};

export type NoticeSource = {
  readonly deployment: string;
  readonly stack: string;
  readonly operator: string;
  readonly at: string;
  readonly waves: readonly string[];
};

const NAMES_SHOWN = 10;

export function namesShown(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}

/** Null: nothing moved and nothing went wrong, so nobody needs to hear of it. */
export function noticeOfMove(document: MoveDocument, source: NoticeSource): Notice | null {
  const { verb, changed, aborted, failed, refused, exitCode, wallMs } = document;
  const barred = refused.filter(({ code }) => code === 'gate-red');
  const troubled = aborted.length + failed.length + barred.length;
  if (document.dryRun || changed.length + troubled === 0) return null;
  const events: NoticeEvent[] = [];
  if (changed.length > 0) events.push('phase');
  if (troubled > 0 || exitCode === 1) events.push('red');
  if (changed.length > 0 && exitCode === 0) events.push('finish');
  const pauses = changed.flatMap(({ pauseMs }) => (pauseMs === null ? [] : [pauseMs]));
  const facts: [string, string][] = [
    ['stack', `${source.deployment}, ${source.stack}`],
    ['wave', source.waves.join(', ')],
    ['by', source.operator],
    ['at', source.at],
    ['took', `${(wallMs / 1000).toFixed(1)} s`],
  ];
  if (pauses.length > 0) facts.push(['longest pause of a sender', `${Math.round(Math.max(...pauses))} ms`]);
  if (changed.length > 0) facts.push(['moved', namesShown(changed.map(({ name }) => name))]);
  const add = (term: string, names: readonly string[]): void => {
    if (names.length > 0) facts.push([term, namesShown(names)]);
  };
  add('aborted, as they were', namesOf(aborted));
  add('failed', namesOf(failed));
  add('refused', namesOf(refused));
  return { events, level: troubled > 0 ? 'bad' : 'good', title: titleOf(document, verb), facts };
}

function titleOf({ changed, aborted, failed, refused }: MoveDocument, verb: string): string {
  const [first] = changed;
  const barred = refused.filter(({ code }) => code === 'gate-red').length;
  const troubles = [
    ...(aborted.length > 0 ? [`${aborted.length} aborted`] : []),
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(barred > 0 ? [`${barred} refused, since the gate is red now`] : []),
  ];
  if (first === undefined) return `${verb}: nothing moved, ${troubles.join(', ')}`;
  const became = first.to.newWeight > 0 ? `${first.to.phase} with ${first.to.newWeight}% on new` : first.to.phase;
  const count = counted(changed.length, 'connection is', 'connections are');
  return [`${verb}: ${count} ${became}`, ...troubles].join(', ');
}

function namesOf(items: readonly { readonly name: string | null }[]): string[] {
  return items.map(({ name }) => name ?? 'all of them');
}
