/** Rows of a list (CSV, a workbook, YAML) into flows: one row is one connection. */
import { parseDurationMs } from '../../duration.ts';
import type { Account, Flow, Outcome, Place, Question, Reading } from '../flow.ts';
import { directionOf, slugOf } from '../names.ts';
import { type ColumnMapping, columnsOf, type ListField } from './columns.ts';

export type Row = { readonly line: number; readonly cells: Readonly<Record<string, string>> };

export type List = {
  readonly kind: string;
  readonly header: readonly string[];
  readonly rows: readonly Row[];
};

export function readList(file: string, list: List, mapping: ColumnMapping): Reading {
  const { read, unused, missing } = columnsOf(list.header, mapping);
  const flows: Flow[] = [];
  const accounts: Account[] = [];
  const questions: Question[] = missing.map((column) => ({
    code: 'no-such-column',
    place: { file, line: 1 },
    about: column,
    message: `the mapping names the column '${column}', and the list has none of this name`,
    remedy: `correct the mapping; its columns are ${list.header.join(', ')}`,
  }));
  const keys = new Set<string>();
  for (const { line, cells } of list.rows) {
    const place: Place = { file, line };
    const cell = (field: ListField): string => read(cells, field);
    const made = flowOf(place, cell);
    const isDouble = made.flow !== null && keys.has(made.flow.key);
    const outcome: Outcome = isDouble
      ? { kind: 'decision', reason: 'another row has this name', remedy: 'give it a name of its own' }
      : made.outcome;
    if (made.flow !== null && !isDouble) {
      keys.add(made.flow.key);
      flows.push(made.flow);
    }
    questions.push(...unreadable(place, cell));
    accounts.push({ place, channel: cell('practice'), connector: cell('name'), kind: 'row', outcome, facts: {} });
  }
  const notLookedAt = unused.map((column) => ({ what: `column '${column}'`, count: list.rows.length, line: 1 }));
  return { file, kind: list.kind, counted: list.rows.length, flows, accounts, questions, notLookedAt };
}

/** What a row says and nobody understands is not simply left out. */
function unreadable(place: Place, cell: (field: ListField) => string): Question[] {
  const ask = (code: string, message: string, remedy: string): Question[] => [
    { code, place, about: cell('name') || cell('practice'), message, remedy },
  ];
  const [patience, newPort] = [cell('ackTimeout'), cell('newPort')];
  return [
    ...(patience === '' || patienceOf(patience) !== null
      ? []
      : ask('ack-timeout', `'${patience}' is no duration: the patience of its source is not known`, 'write 10s or 10')),
    ...(newPort === '' || portOf(newPort) !== null
      ? []
      : ask('new-address', `'${newPort}' is no port: the new platform's port is taken to be legacy's`, 'correct it')),
  ];
}

/** As in `10s`; a number alone is seconds. */
function patienceOf(text: string): number | null {
  return parseDurationMs(text) ?? (/^\d+$/.test(text) ? Number(text) * 1000 : null);
}

type Made = { readonly flow: Flow | null; readonly outcome: Outcome };

function flowOf(place: Place, cell: (field: ListField) => string): Made {
  const refuse = (reason: string, remedy: string): Made => ({
    flow: null,
    outcome: { kind: 'decision', reason, remedy },
  });
  const destination = { host: cell('destinationHost'), port: portOf(cell('destinationPort')) };
  if (destination.host === '' || destination.port === null) {
    return refuse(
      `it has no destination (host '${destination.host}', port '${cell('destinationPort')}')`,
      'fill in host and port of the destination',
    );
  }
  const legacyPort = portOf(cell('legacyPort'));
  if (legacyPort === null)
    return refuse(
      `'${cell('legacyPort')}' is no port of the legacy platform`,
      'fill in the port on which legacy listens',
    );
  const practice = slugOf(cell('practice'));
  const direction = directionOf([cell('direction'), cell('name')], []);
  const name = slugOf(cell('name'));
  if (name === '' && practice === '') return refuse('it has neither a name nor a practice', 'fill in one of them');
  const newPort = portOf(cell('newPort'));
  const feed = slugOf(cell('feed'));
  const key = name === '' ? `${practice}-${direction.value}` : name;
  return {
    outcome: { kind: 'taken', as: 'connection' },
    flow: {
      key: `list ${key}`,
      place,
      label: key,
      name: name === '' ? null : name,
      practice: practice === '' ? { value: name, isCertain: false } : { value: practice, isCertain: true },
      direction,
      feedKey: feed === '' ? `list ${key}` : `list feed ${feed}`,
      feedLabel: feed === '' ? key : feed,
      pollsEveryMs: null,
      legacy: { host: cell('legacyHost') || null, port: legacyPort, framing: null, usesTls: false },
      new:
        cell('newHost') === '' && newPort === null
          ? null
          : { host: cell('newHost') || 'new.internal', port: newPort ?? legacyPort },
      destination: { host: destination.host, port: destination.port, framing: null, usesTls: false },
      ackTimeoutMs: patienceOf(cell('ackTimeout')),
      legAckTimeoutMs: null,
      alwaysYields: true,
      effects: effectsIn(cell('effects')),
      owners: ownersOf(cell),
      wave: slugOf(cell('wave')) || null,
    },
  };
}

/** Left blank: nobody has said. `none`, `no` or `-`: somebody has. */
function effectsIn(text: string): readonly string[] | null {
  const kinds = text.split(/[;\n]/).map((kind) => kind.trim());
  const named = kinds.filter((kind) => kind !== '');
  if (named.length === 0) return null;
  return named.filter((kind) => !/^(?:none|no|-|–|n\/a)$/i.test(kind));
}

function portOf(text: string): number | null {
  const port = /^\d{1,5}(?:\.0+)?$/.test(text.trim()) ? Number.parseInt(text, 10) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

function ownersOf(cell: (field: ListField) => string): Record<string, string> {
  const owners = { emr: cell('vendor'), lab: cell('lab'), legacy: cell('legacyOwner'), new: cell('newOwner') };
  return Object.fromEntries(Object.entries(owners).filter(([, who]) => who !== ''));
}
