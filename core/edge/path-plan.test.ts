/** given a feed's path and its gateway, when it is inserted or removed, then … */
import { describe, expect, it } from 'vitest';
import type { PathEntry } from './path.ts';
import { type FeedSnapshot, planInsert, planRemove } from './path-plan.ts';

const GATEWAY: PathEntry = { path: 'gateway' };
const LEGACY: PathEntry = { path: 'direct', platform: 'legacy' };
const NEW: PathEntry = { path: 'direct', platform: 'new' };
const feed = (given: Partial<FeedSnapshot>): FeedSnapshot => ({
  name: 'northside',
  path: LEGACY,
  isDialled: false,
  connections: ['northside-orders'],
  gateway: { primary: 'legacy', phases: ['legacy'] },
  phasesOnFile: ['legacy'],
  ...given,
});
const refusal = (plan: ReturnType<typeof planInsert>): string | undefined => plan.refused[0]?.code;

describe('insert', () => {
  it('puts the gateway in, where it answers with the platform that answers now', () => {
    expect(planInsert([feed({})]).moves).toMatchObject([
      { from: LEGACY, to: GATEWAY, connections: ['northside-orders'] },
    ]);
    const decommissioned = feed({ path: NEW, gateway: { primary: 'new', phases: ['decommissioned'] } });
    expect(planInsert([decommissioned]).moves).toMatchObject([{ from: NEW, to: GATEWAY }]);
  });

  it('never moves a feed to another platform by the way', () => {
    const plan = planInsert([feed({ gateway: { primary: 'new', phases: ['switched'] } })]);
    expect(refusal(plan)).toBe('other-primary');
    expect(plan.refused[0]?.next).toEqual(['cutover rollback --feed northside --force']);
    expect(refusal(planInsert([feed({ path: NEW })]))).toBe('other-primary');
  });

  it('sends nothing to a gateway that could not be asked', () => {
    expect(refusal(planInsert([feed({ gateway: null })]))).toBe('gateway-unavailable');
  });

  it('has nothing to do where the gateway is in already', () => {
    expect(planInsert([feed({ path: GATEWAY })])).toMatchObject({ moves: [], alreadyThere: [{ path: GATEWAY }] });
  });
});

describe('a feed whose sender the gateway dials', () => {
  it('is refused both ways, whatever its path, and by force too', () => {
    const dialled = feed({ isDialled: true, path: GATEWAY });
    for (const plan of [planInsert([dialled]), planRemove([dialled], false), planRemove([dialled], true)]) {
      expect(plan).toMatchObject({ moves: [], alreadyThere: [], refused: [{ code: 'dialled-feed' }] });
      expect(plan.refused[0]?.message).toMatch(/northside \(dialled\): the gateway dials its sender/);
    }
  });
});

describe('remove', () => {
  it('leads to the platform that answers: legacy before, new after the decommission', () => {
    expect(planRemove([feed({ path: GATEWAY })], false).moves).toMatchObject([{ to: LEGACY }]);
    const done = feed({ path: GATEWAY, gateway: { primary: 'new', phases: ['decommissioned'] } });
    expect(planRemove([done], false).moves).toMatchObject([{ to: NEW }]);
  });

  it('refuses where shadow and rollback would be lost, and names the way; force does it', () => {
    const switched = feed({ path: GATEWAY, gateway: { primary: 'new', phases: ['switched', 'parallel'] } });
    const plan = planRemove([switched], false);
    expect(refusal(plan)).toBe('in-use');
    expect(plan.refused[0]?.next[0]).toContain('cutover rollback --feed northside');
    expect(planRemove([switched], true).moves).toMatchObject([{ to: NEW }]);
    const parallel = feed({ path: GATEWAY, gateway: { primary: 'legacy', phases: ['parallel'] } });
    expect(planRemove([parallel], false).refused[0]?.next[0]).toContain('cutover cancel');
  });

  it('with a dead gateway goes by the stack file, by force only, and guesses nothing', () => {
    const dead = feed({ path: GATEWAY, gateway: null, phasesOnFile: ['switched', 'decommissioned'] });
    expect(refusal(planRemove([dead], false))).toBe('gateway-unavailable');
    expect(planRemove([dead], true).moves).toMatchObject([{ to: NEW }]);
    expect(refusal(planRemove([{ ...dead, phasesOnFile: ['legacy', 'switched'] }], true))).toBe('platform-unknown');
    expect(refusal(planRemove([{ ...dead, phasesOnFile: ['legacy', null] }], true))).toBe('platform-unknown');
  });
});
