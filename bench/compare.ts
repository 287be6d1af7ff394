/**
 * `node bench/compare.ts [PAIRS]`: how many pairs of results of 1–2 KB one core compares a second, and how many messages
 * the reader reads. The pairs differ as two platforms always differ; one in a hundred also in a value.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type CompiledRules, comparePair, type Observation } from '../core/compare/pair.ts';
import { readMessage } from '../core/hl7/reader.ts';
import { parseYaml } from '../core/located-yaml.ts';
import { compileRules } from '../core/rules/compile.ts';
import { rulesFileSchema } from '../core/rules/rule.ts';

const count = Number(process.argv[2] ?? 20_000);
const WARM_UP = 2_000;
const OBSERVATIONS = 20;

function rulesOf(names: readonly string[]): CompiledRules {
  const files = names.map((name) => {
    const parsed = parseYaml(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'), name, rulesFileSchema);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return parsed.value;
  });
  return compileRules(files, 'bench', '2026-01-01');
}

function result(index: number, platform: 'legacy' | 'new'): Observation {
  const isNew = platform === 'new';
  const value = (n: number): string => (((index * 7 + n * 13) % 900) / 10).toFixed(1);
  const drift = isNew && index % 100 === 0;
  const text = [
    `MSH|^~\\&|${isNew ? 'NEW' : 'LEGACY'}-ENGINE|MAINLAB|EMR|NORTH|2026030122000${isNew ? '3.512+0000' : '0'}||ORU^R01^ORU_R01|ID${index}|P|2.5.1|${index}|||||UNICODE UTF-8`,
    `PID|1||ZZ${index}^^^RHRSL^MR~NORTH-${index}^^^PRACTICE^PI||Sample-Müller^Test^A||19700101|F|||${index % 999} Example Street^^Testville^ZZ^00000||(555)555-0100`,
    'PV1|1|O|NORTH^^^REHEARSAL|||||1001^Fakename^Dr \\T\\ Partner',
    `ORC|RE|P-${index}|F-${index}|||||||||1001^Fakename^Dr \\T\\ Partner`,
    `OBR|1|P-${index}|F-${index}|24323-8^Comprehensive metabolic panel^LN|||20260301214500|||||||||1001^Fakename^Dr \\T\\ Partner||||||20260301220000|||F`,
    ...Array.from(
      { length: OBSERVATIONS },
      (_, n) =>
        `OBX|${n + 1}|NM|${2000 + n}-7^Observation number ${n}^LN||${drift && n === 3 ? '0' : value(n)}|mg/dL|10.0-80.0|${n % 3 === 0 ? 'H' : ''}|||F`,
    ),
    'NTE|1|L|Fasting status: 10 h \\F\\ confirmed by practice \\T\\ lab',
    ...(isNew ? ['ZRP|1|MAPPED'] : []),
  ];
  const payload = Buffer.from(text.map((line) => `${line}\r`).join(''), 'utf8');
  const sha = createHash('sha256').update(payload).digest('hex');
  return { platform, payload, msh10: `ID${index}`, sha, atMs: 0, destination: 'bench', answer: null };
}

const rules = rulesOf(['stacks/rules/transport.yaml', 'rehearsal/rules/platforms.yaml']);
const pairs = Array.from(
  { length: Math.min(count, 5000) },
  (_, index) => [result(index, 'legacy'), result(index, 'new')] as const,
);

function perSecond(times: number, each: (index: number) => void): number {
  for (let index = 0; index < WARM_UP; index++) each(index);
  const before = process.cpuUsage();
  for (let index = 0; index < times; index++) each(index);
  const { user, system } = process.cpuUsage(before);
  return Math.round(times / ((user + system) / 1e6));
}

let differing = 0;
const comparedPerSecond = perSecond(count, (index) => {
  const pair = pairs[index % pairs.length];
  if (pair !== undefined && !comparePair(pair[0], pair[1], rules).matched) differing++;
});
const readPerSecond = perSecond(count, (index) => {
  const pair = pairs[index % pairs.length];
  if (pair !== undefined && readMessage(pair[0].payload) === null) throw new Error('it is a message');
});
const bytes = Math.round(pairs.reduce((sum, [control]) => sum + control.payload.length, 0) / pairs.length);
process.stdout.write(`${JSON.stringify({ bytes, pairs: count, differing, comparedPerSecond, readPerSecond })}\n`);
