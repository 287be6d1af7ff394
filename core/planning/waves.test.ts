/** Waves: what belongs together never splits, and nothing is left out, whatever the lab looks like. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Connection, type Inventory, parseInventory } from '../inventory.ts';
import { makePlan, type PlanInput } from './make-plan.ts';
import { type Programme, parseProgramme } from './programme.ts';
import { profileOf } from './traffic.ts';
import { planWaves, sizeOf, type WaveWishes } from './waves.ts';
import { instantAt } from './zone.ts';

type Line = { practice: string; direction: 'orders' | 'results'; wave?: string; shared?: string; vendor?: string };

const CHICAGO = 'America/Chicago';
const WINDOW = `{ days: [sat], from: "22:00", to: "04:00", timeZone: ${CHICAGO} }`;

/** A valid inventory of these connections, all of them ready but for what a line says. */
function inventory(lines: readonly Line[], window = WINDOW): Inventory {
  const platforms = (port: number): string =>
    `platforms: { legacy: { host: l, port: ${port} }, new: { host: n, port: ${port} } }`;
  const feeds = [...new Set(lines.flatMap(({ shared }) => shared ?? []))].map(
    (name, index) => `  - { name: ${name}, port: ${20_000 + index}, ${platforms(31_000 + index)} }`,
  );
  const connections = lines.map(({ practice, direction, wave = 'unplanned', shared, vendor = 'acme' }, index) => {
    const feed = shared ?? `{ port: ${21_000 + index}, ${platforms(32_000 + index)} }`;
    const rest = shared === undefined ? '' : ', outputs: zero-or-one';
    return `  - { name: ${practice}-${direction}, direction: ${direction}, practice: ${practice}, wave: ${wave}, feed: ${feed}, owners: { new: us, lab: lab, emr: ${vendor} }, correlate: [MSH-10]${rest}, legs: { legacy: { port: ${22_000 + index} }, new: { port: ${23_000 + index} } }, destination: { host: d, port: ${33_000 + index} } }`;
  });
  const text = `deployment: d\ngateways: [{ shard: 0, admin: "https://g:7443" }]\ndefaults: { window: ${window}, effects: [] }\nfeeds:\n${feeds.join('\n') || '  []'}\nconnections:\n${connections.join('\n')}\n`;
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function pair(practice: string, more: Partial<Line> = {}): Line[] {
  return [
    { practice, direction: 'orders', ...more },
    { practice, direction: 'results', ...more },
  ];
}

const WISHES: WaveWishes = { pilot: [], largestWave: 6, risk: {}, messagesPerDay: () => 10 };

function wavesOf(connections: readonly Connection[], wishes: Partial<WaveWishes> = {}): Record<string, string[]> {
  const { waves } = planWaves(connections, { ...WISHES, ...wishes });
  return Object.fromEntries(
    waves.map(({ name, units }) => [name, units.flatMap((unit) => unit.connections.map((item) => item.name))]),
  );
}

describe('connections without a feed', () => {
  it('hang together with their own practice, and with nobody else', () => {
    const { connections } = inventory([...pair('north'), ...pair('south'), ...pair('east')]);
    const without = connections.map((item): Connection => ({ ...item, origin: 'platform', feed: null }));
    const { waves, problems } = planWaves(without, WISHES);
    const practices = waves.flatMap(({ units }) => units.map((unit) => unit.practices.join()));
    expect(practices.sort()).toEqual(['east', 'north', 'south']);
    expect(problems).toEqual([]);
  });
});

describe('waves', () => {
  it('for any lab: every connection is in exactly one wave; no pair splits, and no shared feed that a wave can hold', () => {
    const line = fc.record({
      practice: fc.integer({ min: 0, max: 12 }).map((number) => `p${number}`),
      shared: fc.option(fc.constantFrom('lis-a', 'lis-b'), { nil: undefined }),
      vendor: fc.constantFrom('acme', 'blue', 'core'),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(line, { selector: ({ practice }) => practice, minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        (practices, largestWave) => {
          const lines = practices.flatMap(({ practice, vendor, shared }): Line[] => [
            { practice, direction: 'orders', vendor },
            { practice, direction: 'results', vendor, ...(shared === undefined ? {} : { shared }) },
          ]);
          const { connections } = inventory(lines);
          const { waves } = planWaves(connections, { ...WISHES, largestWave });
          const placed = waves.flatMap(({ name, units }) =>
            units.flatMap((unit) => unit.connections.map((item) => ({ wave: name, item }))),
          );
          expect(placed.map(({ item }) => item.name).sort()).toEqual(connections.map(({ name }) => name).sort());
          const split = (key: 'practice' | 'feed'): number[] =>
            [...Map.groupBy(placed, ({ item }) => item[key]).values()].flatMap((together) => {
              const practices = new Set(together.map(({ item }) => item.practice));
              const size = connections.filter(({ practice }) => practices.has(practice)).length;
              return new Set(together.map(({ wave }) => wave)).size > 1 ? [size] : [];
            });
          expect(split('practice')).toEqual([]);
          for (const size of split('feed')) expect(size).toBeGreaterThan(largestWave);
          for (const { units } of waves) expect(units.length === 1 || sizeOf(units) <= largestWave).toBe(true);
          expect(waves[0]?.name).toBe('pilot');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('the pilot is the one that was wished, else the least that can go wrong', () => {
    const { connections } = inventory(
      [...pair('a', { shared: 'lis' }), ...pair('b'), ...pair('c')].filter((_, index) => index !== 0),
    );
    expect(wavesOf(connections).pilot).toEqual(['b-orders', 'b-results']);
    expect(wavesOf(connections, { pilot: ['c'] }).pilot).toEqual(['c-orders', 'c-results']);
    expect(wavesOf(connections, { risk: { b: 'high' } }).pilot).toEqual(['c-orders', 'c-results']);
  });

  it('one vendor comes once where that fits, and high risk goes last', () => {
    const { connections } = inventory([
      ...pair('p', { vendor: 'zed' }),
      ...pair('a', { vendor: 'blue' }),
      ...pair('b', { vendor: 'acme' }),
      ...pair('c', { vendor: 'blue' }),
      ...pair('d', { vendor: 'acme' }),
      ...pair('e', { vendor: 'acme' }),
    ]);
    const waves = wavesOf(connections, { pilot: ['p'], largestWave: 4, risk: { e: 'high' } });
    expect(waves['wave-1']).toEqual(['b-orders', 'b-results', 'd-orders', 'd-results']);
    expect(waves['wave-2']).toEqual(['a-orders', 'a-results', 'c-orders', 'c-results']);
    expect(waves['wave-3']).toEqual(['e-orders', 'e-results']);
  });

  it('what a person wrote stays, and a pair that they split is named', () => {
    const { connections } = inventory([
      { practice: 'a', direction: 'orders', wave: 'pilot' },
      { practice: 'a', direction: 'results', wave: 'late' },
      ...pair('b', { wave: 'late' }),
    ]);
    const { waves, problems } = planWaves(connections, WISHES);
    expect(waves.map(({ name }) => name)).toEqual(['pilot', 'late']);
    expect(problems).toMatchObject([{ code: 'split', message: expect.stringContaining('orders and results of a') }]);
  });

  it('one LIS feed for the whole lab is no reason for one wave: its practices move one after the other, and it is said', () => {
    const practices = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const lines = practices.flatMap((practice): Line[] => [
      { practice, direction: 'orders' },
      { practice, direction: 'results', shared: 'lis' },
    ]);
    const { connections } = inventory(lines);
    const { waves, problems } = planWaves(connections, WISHES);
    expect(waves.map(({ name, units }) => [name, sizeOf(units)])).toEqual([
      ['pilot', 2],
      ['wave-1', 6],
      ['wave-2', 6],
      ['wave-3', 6],
      ['wave-4', 4],
    ]);
    expect(problems).toMatchObject([{ code: 'feed-over-waves', remedy: expect.stringContaining('at-offset') }]);
    const unheld = connections.map((item): Connection => ({ ...item, changeOver: 'at-offset' }));
    expect(planWaves(unheld, WISHES).problems).toEqual([]);
  });
});

function programme(text: string): Programme {
  const parsed = parseProgramme(text, 'programme.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** Everything is known and quiet. */
function input(lines: readonly Line[], text = '{}', more: Partial<PlanInput> = {}): PlanInput {
  const nowMs = instantAt('2026-06-01', '12:00', CHICAGO, 'first');
  const slots = Array.from({ length: 60 }, (_, day) => ({ startMs: nowMs - day * 86_400_000, messages: 100 }));
  const profile = profileOf({ slots, observed: [{ fromMs: nowMs - 60 * 86_400_000, toMs: nowMs }], timeZone: CHICAGO });
  return {
    stack: 'test',
    inventory: inventory(lines),
    programme: programme(text),
    measured: { connections: 250, switchMs: 30_000, rollbackMs: 20_000, source: 'a rehearsal' },
    traffic: () => profile,
    trafficSource: 'an archive',
    amiss: [],
    nowMs,
    ...more,
  };
}

function nights(plan: ReturnType<typeof makePlan>): (string | undefined)[] {
  return plan.waves.map(({ night }) => night?.date);
}

describe('the calendar', () => {
  const lines = [...pair('a'), ...pair('b'), ...pair('c', { vendor: 'blue' })];

  it('puts wave after wave on the first nights that are allowed, with time to watch the pilot', () => {
    const plan = makePlan(input(lines, 'largestWave: 2'));
    expect(plan.red).toEqual([]);
    expect(plan.ok).toBe(true);
    expect(nights(plan)).toEqual(['2026-06-06', '2026-06-20', '2026-06-27']);
    expect(plan.waves[0]?.needs).toEqual({ switchMs: 60_000, verifyMs: 2_700_000, rollbackMs: 900_000 });
    expect(plan.waves[0]?.people).toContainEqual({ role: 'emr', who: 'acme' });
  });

  it('passes over freezes, and nights on which a vendor is away, and says so', () => {
    const text = `
largestWave: 2
freezes: [{ from: 2026-06-05, to: 2026-06-07, reason: quarter end }]
vendors: { blue: { away: [{ from: 2026-07-04, to: 2026-07-06, reason: holiday }], contact: "+1 555 0100" } }`;
    const plan = makePlan(input(lines, text));
    expect(nights(plan)).toEqual(['2026-06-13', '2026-06-27', '2026-07-11']);
    expect(plan.waves[0]?.passedOver[0]?.reason).toContain('quarter end');
    expect(plan.waves[2]?.passedOver[0]?.reason).toContain('blue is away: holiday');
    expect(plan.waves[2]?.people).toContainEqual({ role: 'emr', who: 'blue (+1 555 0100)' });
  });

  it('a wave that does not fit into any window has no night, and is red', () => {
    const measured = { connections: 1, switchMs: 3 * 3_600_000, rollbackMs: 3_600_000, source: 'a slow drill' };
    const plan = makePlan(input(lines, '{}', { measured }));
    expect(plan.ok).toBe(false);
    expect(plan.waves[0]).toMatchObject({ night: null, red: [expect.stringContaining('it needs')] });
  });

  it('what is not known is red: traffic, times, windows, owners, effects', () => {
    const known = input(lines);
    expect(makePlan({ ...known, traffic: () => null }).red.map(({ code }) => code)).toEqual(['traffic-unknown']);
    expect(makePlan({ ...known, measured: null }).red.map(({ code }) => code)).toEqual(['not-measured']);
    const bare = known.inventory.connections.map((item) => ({
      ...item,
      window: null,
      owners: {},
      correlate: null,
      unclassifiedEffects: ['mail'],
      effectsAreKnown: false,
    }));
    const plan = makePlan({ ...known, inventory: { ...known.inventory, connections: bare } });
    expect(plan.red.map(({ code }) => code)).toEqual([
      'effects-unclassified',
      'effects-unknown',
      'no-window',
      'no-correlation',
      'no-owner',
      'no-vendor',
    ]);
  });

  it('a flow without a feed is not asked for `correlate`, which the inventory would refuse', () => {
    const known = input(lines);
    const unfed = known.inventory.connections.map((item) => ({
      ...item,
      origin: 'platform' as const,
      feed: null,
      correlate: null,
    }));
    expect(makePlan({ ...known, inventory: { ...known.inventory, connections: unfed } }).red).toEqual([]);
  });
});
