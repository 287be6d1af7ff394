/**
 * The comparison on what the rehearsal sends: the harmless differences of its simulated platforms raise no alarm under the
 * rules that ship, its messages keep the contracts that ship, and one message of ten thousand that drifted is found and named.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { readContracts } from '../adapters/proof-definitions.ts';
import { groupOf } from '../core/compare/difference.ts';
import { type CompiledRules, comparePair, type Observation } from '../core/compare/pair.ts';
import { breachesOf } from '../core/contracts/check.ts';
import { parseYaml } from '../core/located-yaml.ts';
import { compileRules } from '../core/rules/compile.ts';
import { type RulesFile, rulesFileSchema } from '../core/rules/rule.ts';
import { createGenerator, type GeneratedMessage } from './hl7/generator.ts';
import { mapMessage, type PlatformName } from './parties/mapping.ts';
import { REPOSITORY } from './product.ts';

const AT = new Date('2026-01-05T08:00:00Z');
let rules: CompiledRules;

beforeAll(async () => {
  const files = await Promise.all(['stacks/rules/transport.yaml', 'rehearsal/rules/platforms.yaml'].map(readRules));
  rules = compileRules(files, 'northside-results', '2026-01-05');
});

async function readRules(name: string): Promise<RulesFile> {
  const parsed = parseYaml(await readFile(`${REPOSITORY}/${name}`, 'utf8'), name, rulesFileSchema);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function messages(direction: 'orders' | 'results', count: number, index = 0): GeneratedMessage[] {
  const generator = createGenerator({
    seed: 'comparison',
    connection: `northside-${direction}`,
    direction,
    index,
    facility: 'NORTHSIDE',
  });
  return Array.from({ length: count }, () => generator.next());
}

function observed(message: GeneratedMessage, platform: PlatformName, over: Partial<Observation> = {}): Observation {
  const at = new Date(AT.getTime() + (platform === 'new' ? 480 : 0));
  const rule = { platform, regeneratesControlId: platform === 'new', drift: false };
  const payload = mapMessage(message.bytes, rule, `NEW-${message.sequence}`, at);
  return withPayload({ platform, msh10: '', atMs: at.getTime(), destination: 'north', answer: null, ...over }, payload);
}

function withPayload(observation: Omit<Observation, 'payload' | 'sha'>, payload: Buffer): Observation {
  return { ...observation, payload, sha: createHash('sha256').update(payload).digest('hex') };
}

describe.each(['orders', 'results'] as const)('given %s of the rehearsal', (direction) => {
  test('then no harmless difference is an alarm, and each is named by its rule', () => {
    for (const index of [0, 1, 2, 3, 4]) {
      for (const message of messages(direction, 200, index)) {
        const result = comparePair(observed(message, 'legacy'), observed(message, 'new'), rules);
        expect(result.differences.filter(({ rule }) => rule === null).map(groupOf)).toEqual([]);
        const names = result.differences.map(({ rule }) => rule?.replace(/@.*/, '')).toSorted();
        expect(names).toEqual(['control-id', 'own-segment', 'sending-application', 'time-of-sending']);
      }
    }
  });

  test('then both platforms keep the contract', async () => {
    const contracts = await readContracts(REPOSITORY);
    const contract = contracts.ok ? contracts.contracts.get(`lab-${direction}`) : undefined;
    if (contract === undefined) throw new Error('the contract ships');
    for (const index of [0, 1, 2, 3, 4]) {
      for (const message of messages(direction, 100, index)) {
        expect(breachesOf(observed(message, 'legacy').payload, contract)).toEqual([]);
        expect(breachesOf(observed(message, 'new').payload, contract)).toEqual([]);
      }
    }
  });
});

describe('given ten thousand results of which one has drifted, when they are compared', () => {
  const text =
    (change: (text: string) => string) =>
    (candidate: Observation): Observation =>
      withPayload(candidate, Buffer.from(change(Buffer.from(candidate.payload).toString('latin1')), 'latin1'));
  const pairs: { readonly control: Observation; readonly candidate: Observation }[] = [];

  beforeAll(() => {
    const answer = { verdict: 'AA', payload: null };
    for (const message of messages('results', 10_000)) {
      pairs.push({ control: observed(message, 'legacy', { answer }), candidate: observed(message, 'new', { answer }) });
    }
  });

  // A comparison knows nothing but its pair: what is silent here is silent in each of the runs below.
  test('then the others are silent', () => {
    expect(pairs.filter(({ control, candidate }) => !comparePair(control, candidate, rules).matched)).toEqual([]);
  });

  test.each<[string, (candidate: Observation) => Observation, RegExp]>([
    ['dropped segment', text((it) => it.replace(/\rOBX\|2\|[^\r]*/, '')), /^OBX of \S+: segment-missing: /],
    [
      'changed unit',
      text((it) => it.replace(/\|(mg\/dL|g\/dL|%|mmol\/L|10\*3\/uL|m\[IU\]\/L)\|/, '|U/L|')),
      /^OBX-6 of \S+: value: /,
    ],
    [
      'truncated value',
      text((it) => it.replace(/(\rOBX\|1\|NM\|[^^]*\^[A-Za-z]{3})[^^|]*/, '$1')),
      /^OBX-3.2 of \S+: truncated: /,
    ],
    [
      'swapped component',
      text((it) => it.replace(/(\rPID\|(?:[^|]*\|){4})([^^|]*)\^([^^|]*)/, '$1$3^$2')),
      /^PID-5: components-swapped: /,
    ],
    ['lost repetition', text((it) => it.replace(/(\rPID\|1\|\|[^~|]*)~[^|]*/, '$1')), /^PID-3: repetition-missing: /],
    [
      'wrong charset',
      (it) => withPayload(it, Buffer.from(Buffer.from(it.payload).toString('latin1'), 'utf8')),
      /^(MSH-18|PID-5\.\d): charset: /,
    ],
    ['wrong destination', (it) => ({ ...it, destination: 'south' }), /^destination: /],
    [
      'reordered OBX',
      text((it) => it.replace(/(\rOBX\|1\|[^\r]*)(\rOBX\|2\|[^\r]*)/, '$2$1')),
      /^OBX of \S+: segment-moved: /,
    ],
    ['changed answer', (it) => ({ ...it, answer: { verdict: 'AE', payload: null } }), /^answer: answer: AA against AE/],
    ['delayed', (it) => ({ ...it, atMs: it.atMs + 120_000 }), /^delay: /],
    ['changed value', text((it) => it.replace(/(\rOBX\|1\|NM\|[^|]*\|\|)\d/, '$19')), /^OBX-5 of \S+: value: 9/],
    [
      'another test',
      text((it) => it.replace(/(\rOBX\|1\|NM\|)[^^]*/, '$199999-9')),
      /^OBX-3.1 of \S+: value: 9-9 against 9-9/,
    ],
    [
      'a flag lost',
      text((it) => it.replace(/(\rOBX\|(?:[^|\r]*\|){7})[LH]\|/, '$1|')),
      /^OBX-8 of \S+: value-missing: /,
    ],
    ['preliminary for final', text((it) => it.replace(/\|F\r/, '|P\r')), /^O(BR-25|BX-11) of \S+: value: F against P/],
  ])('%s: it is found and named', (_, drift, expected) => {
    // The first in the second half in which there is something of this kind to drift.
    const drifted = pairs.slice(5000).flatMap(({ control, candidate }) => {
      const changed = drift(candidate);
      const isDrifted = changed.sha !== candidate.sha || changed.payload === candidate.payload;
      return isDrifted ? [{ control, candidate: changed }] : [];
    });
    const [first] = drifted;
    if (first === undefined) throw new Error('nothing drifts');
    const { differences } = comparePair(first.control, first.candidate, rules);
    const found = differences.filter(({ rule }) => rule === null).map(groupOf);
    expect(found).toContainEqual(expect.stringMatching(expected));
    expect(found.length).toBeLessThanOrEqual(2);
  });
});
