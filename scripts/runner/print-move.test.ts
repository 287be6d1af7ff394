import { expect, test } from 'vitest';
import type { MoveDocument } from '../../core/documents.ts';
import { formatMoveDocument } from './print-move.ts';

const ROUTE = { phase: 'parallel' as const, newWeight: 0, epoch: 3 };
const REACHED = { phase: 'switched' as const, newWeight: 0, epoch: 4 };
const TRUTH = { config: REACHED, pulumi: REACHED, gateway: REACHED, observed: 'new' as const, agree: true };

test('of a whole lab, what failed stands among the last lines: a screen of 24 still shows it', () => {
  const changed = Array.from({ length: 248 }, (_, index) => ({
    name: `practice-${index}`,
    from: ROUTE,
    to: REACHED,
    epoch: 4,
    pauseMs: 80,
    heldMessages: 0,
    truth: TRUTH,
  }));
  const document: MoveDocument = {
    ok: false,
    exitCode: 4,
    verb: 'switch',
    stack: 'test',
    dryRun: false,
    changed,
    alreadyThere: [],
    refused: [{ name: 'practice-refused', code: 'illegal-move', message: 'it is in legacy', next: [] }],
    aborted: [{ name: 'practice-aborted', message: 'new does not answer' }],
    failed: [],
    onWatch: [],
    synced: [],
    warnings: [],
    ledger: 'recorded',
    wallMs: 5_000,
    nextSteps: ['run the same command again: it goes on from what is there'],
  };
  const shown = formatMoveDocument(document).trimEnd().split('\n').slice(-10).join('\n');
  expect(shown).toMatch(/aborted {2}practice-aborted +new does not answer/);
  expect(shown).toMatch(/refused {2}practice-refused +it is in legacy/);
  expect(shown).toMatch(/switch: 248 changed, 1 refused, 1 aborted/);
});
