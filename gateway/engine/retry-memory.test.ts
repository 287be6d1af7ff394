/** Rules 6 and 15: the memory of senders is bounded, forgets the longest unheard first, and never one that waits for its answer. */
import { expect, test } from 'vitest';
import { RetryDigest } from './retry-digest.ts';
import { type Outcome, RetryMemory } from './retry-memory.ts';

const LIMIT = 10_000;
const RULE = { withinMs: 60_000, depth: 1, ignore: [] } as const;
const DIGEST = RetryDigest.from('0'.repeat(64));
const positive: Outcome = { kind: 'positive', answer: Buffer.from('AA'), atMs: 0, socket: null };

function heard(memory: RetryMemory, sender: string, outcome: Outcome): void {
  memory.remember(sender, { msh10: '1', digest: DIGEST, firstAttempt: 1, context: null, isKept: false, outcome });
}

test('more senders than are kept: the longest unheard go, whoever has spoken since stays, and so does who waits', () => {
  const memory = new RetryMemory(RULE);
  const payload = Buffer.from('MSH|');
  const facts = { msh10: '1', sha: DIGEST.text };
  const frame = { payload, raw: payload };
  const message = { sender: 'waits', frame, facts, digest: DIGEST, receivedAtMs: 0, waiters: [], offset: 1 };
  heard(memory, 'waits', {
    kind: 'open',
    message: { ...message, attemptOf: null, context: null, wasKept: false, remembered: null },
  });
  for (let index = 0; index < LIMIT; index++) heard(memory, `s${index}`, positive);
  heard(memory, 's0', positive);

  for (let index = 0; index < LIMIT / 2; index++) heard(memory, `t${index}`, positive);
  expect(memory.dump()).toHaveLength(LIMIT);
  expect(memory.last('s1')).toBeNull();
  expect(memory.last('s0')).not.toBeNull();
  expect(memory.last(`s${LIMIT - 1}`)).not.toBeNull();

  for (let index = 0; index < LIMIT; index++) heard(memory, `u${index}`, positive);
  expect(memory.dump()).toHaveLength(LIMIT);
  expect(memory.last('s0')).toBeNull();
  expect(memory.last('waits')?.outcome.kind).toBe('open');
  expect(memory.last(`u${LIMIT - 1}`)).not.toBeNull();
});
