import { describe, expect, test } from 'vitest';
import { candidateOf, controlOf, FIRST_ROUTE, otherPlatform, PHASES, type Phase, primaryOf } from './platform.ts';

describe('given a phase, when the platforms are given their roles', () => {
  test.each([
    ['legacy', 'legacy', null],
    ['parallel', 'legacy', 'new'],
    ['switched', 'new', 'legacy'],
    ['decommissioned', 'new', null],
  ] as const)('then in %s the control is %s and the candidate %s', (phase, control, candidate) => {
    expect(controlOf({ phase })).toBe(control);
    expect(candidateOf({ phase })).toBe(candidate);
  });

  test('then no platform is both', () => {
    for (const phase of PHASES) expect(candidateOf({ phase })).not.toBe(controlOf({ phase }));
  });
});

describe('given a feed, when its primary is derived', () => {
  test.each<[string, readonly Phase[], 'legacy' | 'new']>([
    ['no connection', [], 'legacy'],
    ['one in legacy', ['legacy'], 'legacy'],
    ['one in parallel', ['parallel'], 'legacy'],
    ['one switched', ['switched'], 'new'],
    ['one decommissioned', ['decommissioned'], 'new'],
    ['all switched', ['switched', 'switched', 'switched'], 'new'],
    ['all but one switched', ['switched', 'parallel', 'switched'], 'legacy'],
    ['one still without a shadow', ['switched', 'legacy'], 'legacy'],
    ['switched beside decommissioned', ['switched', 'decommissioned'], 'new'],
    ['parallel beside decommissioned', ['parallel', 'decommissioned'], 'legacy'],
  ])('then with %s it is right', (_, phases, primary) => {
    expect(primaryOf(phases.map((phase) => ({ phase })))).toBe(primary);
  });

  test('then on a shared feed the last switch moves it and the first rollback moves it back', () => {
    const phases: Phase[] = ['parallel', 'parallel', 'parallel'];
    const seen = [0, 1, 2].map((index) => {
      phases[index] = 'switched';
      return primaryOf(phases.map((phase) => ({ phase })));
    });
    expect(seen).toEqual(['legacy', 'legacy', 'new']);
    phases[1] = 'parallel';
    expect(primaryOf(phases.map((phase) => ({ phase })))).toBe('legacy');
  });
});

test('a connection is born on legacy, at epoch 1', () => {
  expect(FIRST_ROUTE).toEqual({ phase: 'legacy', newWeight: 0, epoch: 1 });
});

test('each platform is the other one of the other', () => {
  expect(otherPlatform('legacy')).toBe('new');
  expect(otherPlatform('new')).toBe('legacy');
});
