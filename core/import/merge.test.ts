/** Imports into inventories: valid whatever was read, the same again when nothing changed, and hand edits survive. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInventory } from '../inventory.ts';
import { formatProblem } from '../located-yaml.ts';
import type { Flow } from './flow.ts';
import { mergeInto, newInventoryText } from './merge.ts';
import { type KnownPorts, type ProposeOptions, propose } from './propose.ts';
import { driftOf, type ImportState, NO_STATE, stateOf } from './state.ts';

function flow(number: number, more: Partial<Flow> = {}): Flow {
  return {
    key: `k${number}`,
    place: { file: 'export.xml', line: number },
    label: `channel ${number}`,
    name: null,
    practice: { value: `p${Math.floor(number / 2)}`, isCertain: true },
    direction: { value: number % 2 === 0 ? 'orders' : 'results', isCertain: true },
    feedKey: `k${number}`,
    feedLabel: `channel ${number}`,
    pollsEveryMs: null,
    legacy: { host: null, port: 6000 + number, framing: null, usesTls: false },
    new: null,
    destination: { host: 'lis', port: 7000, framing: null, usesTls: false },
    ackTimeoutMs: null,
    legAckTimeoutMs: 5000,
    alwaysYields: true,
    effects: [],
    owners: {},
    wave: null,
    ...more,
  };
}

/** As the verb does it: names and ports that the inventory has already stay. */
function optionsFor(text: string, state: ImportState): ProposeOptions {
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  const { connections, feeds } = parsed.value;
  const known = [...Object.entries(state.feeds), ...Object.entries(state.connections)];
  return {
    knownNames: new Map(known.map(([key, { name }]) => [key, name])),
    knownPorts: new Map([
      ...feeds.map(({ name, port }): [string, KnownPorts] => [name, { feed: port, legacyLeg: null, newLeg: null }]),
      ...connections.flatMap(({ name, previousNames, feed, legs }) => {
        const port = feeds.find((each) => each.name === feed)?.port ?? null;
        const ports = { feed: port, legacyLeg: legs.legacy.port, newLeg: legs.new.port };
        return [name, ...previousNames].map((each): [string, KnownPorts] => [each, ports]);
      }),
    ]),
    takenNames: new Set([
      ...connections.map(({ name }) => name),
      ...feeds.map(({ name }) => name),
      ...known.map(([, { name }]) => name),
    ]),
    takenPorts: new Set([
      7443,
      ...feeds.map(({ port }) => port),
      ...connections.flatMap(({ legs }) => [legs.legacy.port, legs.new.port]),
    ]),
    hosts: {},
  };
}

type Imported = { text: string; state: ImportState; merged: ReturnType<typeof mergeInto> };

function importInto(text: string, flows: readonly Flow[], state: ImportState): Imported {
  const proposal = propose(flows, optionsFor(text, state));
  const merged = mergeInto(text, proposal, state);
  const parsed = parseInventory(merged.text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(`${parsed.problems.map(formatProblem).join('\n')}\n${merged.text}`);
  return { text: merged.text, state: stateOf(proposal, [], {}), merged };
}

const EMPTY = newInventoryText('lab');

describe('an import', () => {
  it('for any flows: a valid inventory with one connection a flow, and a rerun changes nothing', () => {
    const anyFlow = fc.record({
      practice: fc.constantFrom('a', 'b', 'c'),
      direction: fc.constantFrom('orders', 'results'),
      feed: fc.constantFrom('f', 'g', 'polled', null),
      port: fc.integer({ min: 1, max: 65_535 }),
      effects: fc.array(fc.string(), { maxLength: 2 }),
      label: fc.string(),
      host: fc.string({ minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(anyFlow, { maxLength: 12 }), (drawn) => {
        const flows = drawn.map(({ practice, direction, feed, port, effects, label, host }, index) =>
          flow(index, {
            label,
            practice: { value: practice, isCertain: true },
            direction: { value: direction === 'orders' ? 'orders' : 'results', isCertain: true },
            ...(feed === null ? {} : { feedKey: feed === 'polled' ? null : feed, feedLabel: feed }),
            pollsEveryMs: feed === 'polled' ? port : null,
            legacy: { host: null, port: feed === null ? port : 6661, framing: null, usesTls: false },
            destination: { host, port, framing: null, usesTls: false },
            effects: [...new Set(effects.filter((kind) => kind !== ''))],
          }),
        );
        const first = importInto(EMPTY, flows, NO_STATE);
        const parsed = parseInventory(first.text, 'inventory.yaml');
        expect(parsed.ok && parsed.value.connections.length).toBe(flows.length);
        const again = importInto(first.text, flows, first.state);
        expect(again.text).toBe(first.text);
        expect(again.merged).toMatchObject({ added: [], updated: [], kept: [], gone: [], unwritable: [] });
      }),
      { numRuns: 60 },
    );
  });

  it('what a platform polls has no feed, has to be quiet for two polls once it is stopped, and says how it moves', () => {
    const flows = [flow(1, { feedKey: null, pollsEveryMs: 60_000 }), flow(3, { feedKey: null, pollsEveryMs: null })];
    const { text } = importInto(EMPTY, flows, NO_STATE);
    const parsed = parseInventory(text, 'inventory.yaml');
    if (!parsed.ok) throw new Error('invalid');
    expect(parsed.value.feeds).toEqual([]);
    expect(parsed.value.connections).toMatchObject([
      { origin: 'platform', feed: null, settleMs: 120_000 },
      { origin: 'platform', feed: null, settleMs: 10_000 },
    ]);
    const { questions } = propose(flows, optionsFor(EMPTY, NO_STATE));
    expect(questions.filter(({ code }) => code === 'without-feed').map(({ remedy }) => remedy)).toEqual([
      expect.stringContaining('twice the time between two polls'),
      expect.stringContaining('write `settle`'),
    ]);
    expect(questions.map(({ code }) => code)).not.toContain('ack-timeout');
  });

  it('listeners keep their port where they can, and 250 connections fit into one gateway', () => {
    const flows = Array.from({ length: 250 }, (_, index) =>
      flow(index, { legacy: { host: null, port: 6000 + (index % 200), framing: null, usesTls: false } }),
    );
    const { text } = importInto(EMPTY, flows, NO_STATE);
    const parsed = parseInventory(text, 'inventory.yaml');
    if (!parsed.ok) throw new Error('invalid');
    expect(parsed.value.feeds.filter(({ port }) => port < 20_000)).toHaveLength(200);
    expect(new Set(parsed.value.connections.map(({ name }) => name)).size).toBe(250);
  });
});

describe('an import again', () => {
  const flows = [flow(0), flow(1, { effects: ['File Writer: archive'] })];
  const first = importInto(EMPTY, flows, NO_STATE);
  const edited = first.text
    .replace('wave: unplanned', 'wave: pilot # decided on Monday')
    .replace('ackTimeout: 5000ms', 'ackTimeout: 8s')
    .replace('kind: "File Writer: archive"', 'kind: "File Writer: archive", handling: harmless, by: ada');

  it('keeps what was edited, comments included, and updates what legacy changed', () => {
    const moved = { ...flow(0).destination, host: 'lis2' };
    const second = importInto(edited, [flow(0, { destination: moved }), flows[1] ?? flow(1)], first.state);
    expect(second.text).toBe(edited.replace('destination: { host: lis,', 'destination: { host: lis2,'));
    expect(second.merged.updated).toEqual([{ name: 'p0-orders', path: 'destination.host', was: 'lis', is: 'lis2' }]);
    expect(second.merged.kept.map(({ path, legacyChanged }) => [path, legacyChanged])).toEqual([
      ['wave', false],
      ['legs.legacy.ackTimeout', false],
    ]);
  });

  it('where both changed the same value, the edit stays and is named', () => {
    const second = importInto(edited, [flow(0, { legAckTimeoutMs: 9000 }), flows[1] ?? flow(1)], first.state);
    expect(second.text).toBe(edited);
    expect(second.merged.kept).toContainEqual({
      name: 'p0-orders',
      path: 'legs.legacy.ackTimeout',
      legacyChanged: true,
    });
  });

  it('a new effect is added unclassified beside those that were classified', () => {
    const more = flow(1, { effects: ['File Writer: archive', 'SMTP Sender: alarm'] });
    const { text } = importInto(edited, [flow(0), more], first.state);
    expect(text).toContain(
      '{ kind: "File Writer: archive", handling: harmless, by: ada }, { kind: "SMTP Sender: alarm" }',
    );
  });

  it('adds what is new at the end, leaves what is gone, and does not bring back what was taken out', () => {
    const second = importInto(edited, [flow(1), flow(2)], first.state);
    expect(second.merged).toMatchObject({ added: ['p1-orders'], gone: ['p0-orders'] });
    expect(second.text.startsWith(edited)).toBe(true);
    const withoutFirst = edited.replace(/ {2}# channel 0[\s\S]*?(?= {2}# channel 1)/, '');
    const third = importInto(withoutFirst, flows, first.state);
    expect(third.merged.removed).toEqual(['p0-orders']);
    expect(third.text).toBe(withoutFirst);
  });

  it('a renamed connection is known by its previous name', () => {
    const renamed = edited.replace('name: p0-orders', 'name: north-orders\n    previousNames: [p0-orders]');
    const { text, merged } = importInto(renamed, flows, first.state);
    expect(text).toBe(renamed);
    expect(merged.added).toEqual([]);
  });
});

describe('drift', () => {
  it('is what legacy changed since, whatever was edited', () => {
    const first = importInto(EMPTY, [flow(0), flow(1)], NO_STATE);
    const proposal = propose([flow(0, { alwaysYields: false }), flow(2)], optionsFor(first.text, first.state));
    expect(driftOf(first.state, proposal)).toEqual({
      added: ['p1-orders'],
      gone: ['p0-results'],
      changed: [{ name: 'p0-orders', path: 'outputs', was: 'one', is: 'zero-or-one' }],
    });
  });
});
