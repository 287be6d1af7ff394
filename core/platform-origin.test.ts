/** What a move without a feed waits for: given who was heard and who was attested to be stopped, then what is in its way. */
import { expect, test } from 'vitest';
import type { PlatformOriginStatus, StopAttestation } from './admin-api.ts';
import { statusExample } from './connection-status.example.ts';
import { notStopped, strangerIn } from './platform-origin.ts';

const QUIET = { heardAt: null, stopped: null, refused: 0 };
const LEGACY = { phase: 'legacy', epoch: 3 } as const;
const HEARD = '2026-03-01T21:00:00.000Z';

function said(platform: 'legacy' | 'new', epoch: number): StopAttestation {
  return { platform, by: 'Dana', recordedBy: 'night', evidence: null, epoch, at: '2026-03-01T22:10:00.000Z' };
}

test('given nobody has said so, when it is switched, then the owner is named, and when it was heard last', () => {
  const origin: PlatformOriginStatus = { legacy: { ...QUIET, heardAt: HEARD }, new: QUIET };
  const bar = notStopped('a', 'switch', LEGACY, origin);
  expect(bar?.reason).toBe(`nobody has attested in epoch 3 that legacy is stopped; it has sent last at ${HEARD}`);
  expect(bar?.next).toEqual([expect.stringContaining('--what stopped --platform legacy')]);
});

test('given it was said in this epoch, then the switch goes; given in an earlier one, then not', () => {
  const saidIn = (epoch: number): PlatformOriginStatus => ({
    legacy: { ...QUIET, stopped: said('legacy', epoch) },
    new: QUIET,
  });
  expect(notStopped('a', 'switch', LEGACY, saidIn(3))).toBeNull();
  expect(notStopped('a', 'switch', LEGACY, saidIn(1))).not.toBeNull();
});

test('given the other platform sends, then every move waits for it, and a rollback is told of --force', () => {
  const origin = { legacy: { ...QUIET, refused: 2 }, new: { ...QUIET, stopped: said('new', 4) } };
  const switched = { phase: 'switched', epoch: 4 } as const;
  for (const verb of ['rollback', 'decommission'] as const)
    expect(notStopped('a', verb, switched, origin)?.reason).toContain('legacy sends and does not own it: 2 messages');
  expect(notStopped('a', 'rollback', switched, origin)?.next.join(' ')).toContain('--force');
  expect(notStopped('a', 'decommission', switched, { ...origin, legacy: QUIET })).toBeNull();
});

test('given a status, then a stranger is named with what to do; with a feed there is none', () => {
  const status = statusExample({ phase: 'legacy', newWeight: 0, epoch: 1 });
  expect(strangerIn(status)).toBeNull();
  const platformOrigin = { legacy: QUIET, new: { ...QUIET, refused: 1 } };
  expect(strangerIn({ ...status, platformOrigin })).toEqual({
    reason: 'new sends and does not own it: 1 message was refused, which it still keeps',
    next: expect.stringContaining('--platform new'),
  });
});
