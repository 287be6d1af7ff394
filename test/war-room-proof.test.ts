/**
 * What PostgreSQL knows, as the war room and the sign-off pack show it: a real gateway ships, a real worker compares, and
 * a night is run, signed and reported. One night for both.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type ReportDocument, reportDocumentSchema } from '../core/report-document.ts';
import { CONNECTION, end, order, type ProofSite, startProofSite } from './proof-site.ts';
import { REPOSITORY } from './verbs-harness.ts';

const WAIT = { timeout: 180_000, interval: 300 };
const RULE = {
  name: 'sending-application',
  kind: 'values',
  path: 'MSH-3',
  legacy: ['EMR'],
  new: ['ENGINE'],
  reason: 'the new platform names itself',
  owner: 'integration-team',
  expires: '2099-12-31',
};

let site: ProofSite;
let room: ChildProcess;
let url = '';

beforeAll(async () => {
  site = await startProofSite();
  const { folder } = site.project;
  await mkdir(join(folder, 'stacks/rules'), { recursive: true });
  await writeFile(join(folder, 'stacks/rules/lab.yaml'), JSON.stringify({ rules: [RULE] }));
  site.behaviour.outputs = (platform, _id, message) => [
    platform === 'new' ? message.replace('|EMR|', '|ENGINE|') : message,
  ];
  await site.startWorker();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...site.env,
  };
  room = spawn(process.execPath, [join(REPOSITORY, 'dashboard/main.ts'), '--project', folder, '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (room.stdout === null) throw new Error('no stdout');
  const [line] = await once(createInterface(room.stdout), 'line');
  url = z.object({ url: z.string() }).parse(JSON.parse(String(line))).url;
});
afterAll(async () => {
  await end(room);
  await site?.stop();
});

const wholeSchema = z.object({
  tiles: z.array(
    z.object({
      comparison: z
        .object({ pairs: z.number(), matched: z.number(), accepted: z.number(), open: z.number() })
        .nullable(),
    }),
  ),
  pauses: z.array(z.object({ connection: z.string(), pauseMs: z.number(), aborted: z.boolean(), atMs: z.number() })),
  sources: z.array(z.object({ name: z.string(), verdict: z.string() })),
  atMs: z.number(),
});
type Whole = z.output<typeof wholeSchema>;

async function look(): Promise<Whole> {
  const abort = new AbortController();
  try {
    const answer = await fetch(`${url}events`, { signal: abort.signal });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const found = /event: whole\ndata: (.*)\n\n/.exec(text);
      if (found !== null) return wholeSchema.parse(JSON.parse(found[1] ?? ''));
    }
    throw new Error('the feed ended');
  } finally {
    abort.abort();
  }
}

function messages(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => order(`M${from + index}`));
}

async function report(): Promise<ReportDocument> {
  const run = await site.project.cutover(['report', '--all', '--html', 'pack.html', '--json']);
  return reportDocumentSchema.parse(JSON.parse(run.stdout));
}

it('the war room shows what was compared and what a rule accepted', async () => {
  await site.route('parallel');
  expect(await site.send(messages(0, 5))).toEqual(['AA', 'AA', 'AA', 'AA', 'AA']);
  await vi.waitFor(async () => {
    const { tiles, sources } = await look();
    expect(tiles[0]?.comparison).toEqual({ pairs: 5, matched: 0, accepted: 5, open: 0 });
    expect(sources).toContainEqual({ name: 'PostgreSQL', verdict: 'fine' });
  }, WAIT);
});

it('a pause of a swap is shown once, however often the server looks', async () => {
  await vi.waitFor(async () => expect((await look()).pauses).toHaveLength(1), WAIT);
  await site.route('switched');
  const seen = await vi.waitFor(async () => {
    const whole = await look();
    expect(whole.pauses).toHaveLength(2);
    return whole;
  }, WAIT);
  expect(seen.pauses.map(({ connection, aborted }) => [connection, aborted])).toEqual([
    [CONNECTION, false],
    [CONNECTION, false],
  ]);
  expect(seen.pauses.every(({ pauseMs }) => pauseMs >= 0 && pauseMs < 60_000)).toBe(true);
  // Three more looks at PostgreSQL, one every five seconds.
  await vi.waitFor(async () => expect((await look()).atMs).toBeGreaterThan(seen.atMs + 16_000), WAIT);
  expect((await look()).pauses).toEqual(seen.pauses);
});

it('the pack has counts before and after, pauses, rules with their owner, RAID, the night and the success criteria', async () => {
  const { folder } = site.project;
  await site.send(messages(5, 3));
  await writeFile(
    join(folder, 'stacks/test/raid.yaml'),
    'items:\n  - { id: R-1, kind: risk, title: "<script>alert(1)</script>", severity: high, owner: ada, opened: 2026-01-01, review: 2026-02-01 }\n',
  );
  await writeFile(
    join(folder, 'stacks/test/programme.yaml'),
    'charter:\n  purpose: Off the old engine\n  success:\n    - { text: Nobody waits, measure: longest-pause, limit: 1m }\n    - { text: The team is content }\n',
  );
  expect((await site.project.cutover(['sync', '--all', '--yes', '--change-id', 'CHG-7'])).exitCode).toBe(0);
  await site.project.cutover(['gate', '--all']);
  await vi.waitFor(async () => {
    const [line] = (await report()).connections;
    expect(line).toMatchObject({ deliveredByLegacy: 5, deliveredByNew: 3 });
  }, WAIT);
  const pack = await report();
  expect(pack.connections[0]?.longestPauseMs).toBeGreaterThanOrEqual(0);
  expect(pack.charter?.purpose).toBe('Off the old engine');
  expect(pack.success.map(({ text, verdict }) => [text, verdict])).toEqual([
    ['Nobody waits', 'met'],
    ['The team is content', 'by-a-person'],
  ]);
  expect(pack.rules).toMatchObject([{ name: RULE.name, owner: 'integration-team', connections: 1 }]);
  expect(pack.gate?.verdict).toBe('red');
  expect(pack.raid).toMatchObject([{ id: 'R-1', severity: 'high' }]);
  expect(pack.night?.map(({ verb, by, changeId }) => [verb, by, changeId])).toContainEqual(['sync', 'ada', 'CHG-7']);
  expect(pack.notKnown).toEqual([]);
  const html = await readFile(join(folder, 'pack.html'), 'utf8');
  for (const text of ['Off the old engine', 'integration-team', 'CHG-7', '&lt;script&gt;alert(1)', 'audit verify'])
    expect(html).toContain(text);
  expect(html).not.toMatch(/<script|https?:\/\/|<img|<link/);
  // No message content: a name of the patient that every message has.
  expect(`${html}${JSON.stringify(pack)}`).not.toContain('DOE');
});
