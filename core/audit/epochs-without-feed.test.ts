/** Epochs of a connection without a feed: given how it was switched, then the audit asks for the attested stop, or for force. */
import { expect, test } from 'vitest';
import type { EpochRecord } from '../admin-api.ts';
import { linkEpoch } from '../epoch-history.ts';
import type { Phase } from '../platform.ts';
import { judgeEpochs } from './epochs.ts';

const AT = '2026-03-01T22:00:00.000Z';

type Told = { readonly phase: Phase; readonly verb: string } & Partial<EpochRecord>;

function faultsOf(...told: readonly Told[]): string[] {
  const records: EpochRecord[] = [];
  const all: readonly Told[] = [{ phase: 'legacy', verb: 'init', origin: 'init' }, ...told];
  for (const [index, over] of all.entries()) {
    const record = linkEpoch(records.at(-1) ?? null, {
      connection: 'archive-results',
      epoch: index + 1,
      newWeight: 0,
      by: 'night',
      origin: 'verb',
      requestId: `r-${index}`,
      reason: 'a reason',
      changeId: null,
      approval: null,
      forced: false,
      at: AT,
      outputsFrom: 'platform',
      ...over,
    });
    records.push(record);
  }
  const history = records.map((record, index) => ({ record, entry: index + 1 }));
  return judgeEpochs(new Map([['archive-results', history]])).flatMap(({ verdict, message }) =>
    verdict === 'failed' ? [message] : [],
  );
}

const stopped = (platform: 'legacy' | 'new', epoch: number) => ({
  attested: { platform, by: 'Dana', recordedBy: 'night', evidence: null, epoch, at: AT },
});
const SWITCH: Told = { phase: 'switched', verb: 'switch', ...stopped('legacy', 1) };

test('given stops that were attested, or a forced rollback, then every epoch is legal', () => {
  expect(faultsOf(SWITCH, { phase: 'legacy', verb: 'rollback', ...stopped('new', 2) })).toEqual([]);
  expect(faultsOf(SWITCH, { phase: 'legacy', verb: 'rollback', forced: true })).toEqual([]);
  expect(faultsOf(SWITCH, { phase: 'decommissioned', verb: 'decommission' })).toEqual([]);
});

test('given a switch that nobody attested the stop for, then it is a fault', () => {
  expect(faultsOf({ phase: 'switched', verb: 'switch' })).toEqual([
    expect.stringContaining('nobody has attested the stop'),
  ]);
});

test('given a parallel run, which it cannot have, then it is a fault', () => {
  expect(faultsOf({ phase: 'parallel', verb: 'parallel' })).toEqual([expect.stringContaining('is no legal move')]);
});
