/** The report for people: what was taken, what needs a decision, with file and line. */
import type { ImportDocument } from '../../core/import/import-document.ts';
import { formatTable } from '../runner/table.ts';

const SHOWN = 12;
const PLACES_SHOWN = 3;
const MESSAGES_SHOWN = 4;

type Account = ImportDocument['accounts'][number];

export function formatImport(document: ImportDocument): string {
  const lines: string[] = [];
  for (const { file, kind, counted, accounted, notLookedAt } of document.sources) {
    lines.push(`${file}: ${kind}`, `  connectors or rows in it: ${counted}; accounted for: ${accounted}`);
    if (notLookedAt.length > 0)
      lines.push(
        `  not looked at: ${notLookedAt.map(({ what, count, line }) => `${what} (${count}, line ${line})`).join(', ')}`,
      );
  }
  const of = (outcome: Account['outcome']): Account[] =>
    document.accounts.filter((account) => account.outcome === outcome);
  lines.push(
    '',
    `taken ${of('taken').length}, to be decided ${of('decision').length}, left out ${of('left-out').length}`,
    '',
  );
  lines.push(...section('to be decided (not taken):', of('decision').map(accountRow)));
  lines.push(...section('left out:', of('left-out').map(accountRow)));
  lines.push(...questionLines(document));
  lines.push(...changeLines(document));
  lines.push(document.wrote ? `written: ${document.inventory}` : `nothing was written (${document.inventory})`);
  if (document.nextSteps.length > 0) lines.push('next:', ...document.nextSteps.map((step) => `  ${step}`));
  return `${lines.join('\n')}\n`;
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length > SHOWN * 4 ? [`  … and ${rows.length - SHOWN * 4} more (--json has them all)`] : [];
  return [title, ...formatTable(rows.slice(0, SHOWN * 4), '  '), ...more, ''];
}

function accountRow({ place, channel, connector, kind, reason, remedy }: Account): string[] {
  return [
    `${place.file}:${place.line}`,
    [...[channel, connector].filter((part) => part.trim() !== ''), `(${kind})`].join(' / ').replace(' / (', ' ('),
    remedy === null ? (reason ?? '') : `${reason} → ${remedy}`,
  ];
}

/**
 * Questions of one kind together: of 250 connections, many ask the same. A few messages of one kind stand each for itself, so
 * that none is hidden behind another one.
 */
function questionLines({ questions }: ImportDocument): string[] {
  if (questions.length === 0) return [];
  const kinds = [...Map.groupBy(questions, ({ code, remedy }) => `${code}\n${remedy}`).values()];
  const groups = kinds.flatMap((kind) => {
    const byMessage = [...Map.groupBy(kind, ({ message }) => message).values()];
    return byMessage.length <= MESSAGES_SHOWN ? byMessage : [kind];
  });
  const lines = groups.flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const others = group.filter(({ message }) => message !== first.message).length;
    const places = group.slice(0, PLACES_SHOWN).map(({ about, place }) => `${about} (${place.file}:${place.line})`);
    const more = group.length > PLACES_SHOWN ? ` and ${group.length - PLACES_SHOWN} more` : '';
    return [
      `  ? ${first.message}${others === 0 ? '' : ` (and ${others} of the kind, each with its own: --json has them)`}`,
      `      ${group.length === 1 ? '' : `${group.length} times: `}${places.join(', ')}${more}`,
      `      → ${first.remedy}`,
    ];
  });
  return ['taken, with something to look at:', ...lines, ''];
}

function changeLines({ changes }: ImportDocument): string[] {
  const { added, updated, kept, gone, removed, unwritable } = changes;
  const lines = [
    `${added.length} added, ${updated.length} ${updated.length === 1 ? 'value' : 'values'} updated, ${kept.length} kept as edited by hand`,
  ];
  const rows = (title: string, items: readonly string[]): void => {
    if (items.length > 0)
      lines.push(
        title,
        ...items.slice(0, SHOWN).map((item) => `  ${item}`),
        ...(items.length > SHOWN ? [`  … and ${items.length - SHOWN} more`] : []),
      );
  };
  const shown = (value: unknown): string => (value === null ? 'nothing' : JSON.stringify(value));
  rows(
    'changed at legacy:',
    updated.map(({ name, path, was, is }) => `${name}: ${path} was ${shown(was)}, is ${shown(is)}`),
  );
  rows(
    'edited by hand, and changed at legacy too (yours stays):',
    kept.filter(({ legacyChanged }) => legacyChanged).map(({ name, path }) => `${name}: ${path}`),
  );
  rows(
    'to be written by hand:',
    unwritable.map(({ name, path, was, is }) => `${name}: ${path} was ${shown(was)}, is ${shown(is)}`),
  );
  rows('gone at legacy (they stay in the inventory):', gone);
  rows('taken out by hand (they stay out):', removed);
  return [...lines, ''];
}
