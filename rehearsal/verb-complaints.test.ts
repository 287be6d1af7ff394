import { expect, test } from 'vitest';
import type { MoveDocument } from '../core/documents.ts';
import { abortedIn, complaintsOf, statusComplaintsOf } from './verb-complaints.ts';

const DOCUMENT: MoveDocument = {
  verb: 'switch',
  ok: false,
  exitCode: 4,
  dryRun: false,
  stack: 'rehearsal',
  changed: [],
  refused: [],
  aborted: Array.from({ length: 7 }, (_, index) => ({ name: `practice-${index}`, message: 'outputs had not settled' })),
  failed: [],
  alreadyThere: [],
  synced: [],
  onWatch: [],
  ledger: 'recorded',
  warnings: [],
  nextSteps: [],
  wallMs: 1,
};

test('names the connections and why, not all of them', () => {
  const lines = complaintsOf({ stdout: JSON.stringify(DOCUMENT), tail: [] });
  expect(lines[0]).toBe('practice-0 aborted: outputs had not settled');
  expect(lines.at(-1)).toBe('and 2 more');
});

test('aborted swaps may be tried again, unless something worse happened beside them', () => {
  const refused = [{ name: 'northside-orders', code: 'not-steady', message: 'busy', next: [] }];
  expect(abortedIn({ stdout: JSON.stringify(DOCUMENT) })).toBe(7);
  expect(abortedIn({ stdout: JSON.stringify({ ...DOCUMENT, refused }) })).toBe(0);
  expect(abortedIn({ stdout: 'Segmentation fault' })).toBe(0);
});

test('something else than one document is itself a complaint', () => {
  const lines = complaintsOf({ stdout: 'Segmentation fault', tail: ['boom'] });
  expect(lines).toEqual(['its stdout is not one document as published', 'boom']);
});

test('a status that is not green is explained by connection', () => {
  const route = { phase: 'switched', newWeight: 0, epoch: 3 } as const;
  const truth = { config: route, pulumi: route, gateway: route, observed: 'new', agree: true } as const;
  const line = {
    practice: 'northside',
    direction: 'orders',
    wave: 'pilot',
    control: 'new',
    shadowLag: 0,
    truth,
    ...route,
  } as const;
  const ready = { ready: true, reasons: [] };
  const status = {
    ok: false,
    connections: [
      { ...line, name: 'fine', state: 'steady', rollbackReady: ready },
      { ...line, name: 'busy', state: 'draining', rollbackReady: { ready: false, reasons: ['legacy is behind'] } },
    ],
    waivers: [],
    nextSteps: ['wait'],
  };
  const lines = statusComplaintsOf({ stdout: JSON.stringify(status), tail: [] });
  expect(lines).toEqual(['busy: state draining; legacy is behind', 'wait']);
});
