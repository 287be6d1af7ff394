import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from './canonical-json.ts';
import {
  EMPTY_CHAIN,
  findChainFault,
  type LedgerDraft,
  type LedgerEntry,
  ledgerEntrySchema,
  sealEntry,
} from './ledger-entry.ts';

describe('the chain', () => {
  test('is whole as it was written', () => {
    expect(findChainFault(chainOf(5))).toBeNull();
    expect(chainOf(3).every((entry) => ledgerEntrySchema.safeParse(entry).success)).toBe(true);
  });

  test('shows any one entry that was changed, removed, swapped or replaced', () => {
    const entries = chainOf(6);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.constantFrom('change', 'remove', 'swap', 'reseal'), (at, how) => {
        expect(findChainFault(tamper(entries, at, how))).not.toBeNull();
      }),
    );
  });

  test('a checkpoint of its head shows entries cut off at the end', () => {
    const entries = chainOf(4);
    const head = entries.at(-1);
    const cut = entries.slice(0, 3);
    expect(findChainFault(cut)).toBeNull();
    expect(cut.at(-1)?.digest).not.toBe(head?.digest);
  });
});

function tamper(entries: readonly LedgerEntry[], at: number, how: string): LedgerEntry[] {
  const copy = [...entries];
  const [one, next] = [copy[at], copy[at + 1]];
  if (one === undefined || next === undefined) throw new Error('out of range');
  if (how === 'remove') copy.splice(at, 1);
  else if (how === 'swap') copy.splice(at, 2, next, one);
  else if (how === 'change') copy[at] = { ...one, operator: 'mallory' };
  else {
    const { digest: _digest, ...unsigned } = { ...one, operator: 'mallory' };
    copy[at] = { ...unsigned, digest: digestOf(unsigned) };
  }
  return copy;
}

function chainOf(length: number): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (let index = 0; index < length; index++) entries.push(sealEntry(draft(index), entries.at(-1) ?? EMPTY_CHAIN));
  return entries;
}

function draft(index: number): LedgerDraft {
  return {
    deployment: 'lab',
    kind: 'intent',
    at: '2026-01-01T00:00:00.000Z',
    operator: 'ada',
    host: 'ops-1',
    run: `run-${index}`,
    verb: 'switch',
    stack: 'test',
    reason: null,
    changeId: null,
    body: { moves: [{ name: 'a', epoch: index }] },
  };
}
