/** `cutover dashboard` before real gateways: it follows real moves, names what it cannot read, and prints where it is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';

const COUNT = 250;
const LIMIT_MS = 120_000;
let estate: Estate;

beforeAll(async () => {
  estate = await startEstate(COUNT);
});
afterAll(() => estate.stop());

const wholeSchema = z.object({
  tiles: z.array(
    z.object({ name: z.string(), phase: z.string().nullable(), verdict: z.string(), reasons: z.array(z.string()) }),
  ),
  summary: z.object({ verdict: z.string(), headline: z.string() }),
  timeline: z.array(z.object({ connection: z.string(), epoch: z.number() })),
  sources: z.array(z.object({ name: z.string(), verdict: z.string() })),
});
type Whole = z.output<typeof wholeSchema>;

/** The first event of a page that is opened now: everything. */
async function look(url: string): Promise<Whole> {
  const answer = await fetch(`${url}events`);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const found = /event: whole\ndata: (.*)\n\n/.exec(text);
    if (found === null) continue;
    return wholeSchema.parse(JSON.parse(found[1] ?? ''));
  }
  throw new Error('the feed ended');
}

async function until(url: string, isSo: (whole: Whole) => boolean): Promise<Whole> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const whole = await look(url);
    if (isSo(whole)) return whole;
    if (Date.now() > deadline) throw new Error(`not so: ${JSON.stringify(whole.summary)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function moveAll(phase: 'parallel' | 'switched', expectedEpoch: number): Promise<void> {
  const moves = estate.names.map((name) =>
    estate.admin.move(name, { requestId: `${phase} ${name}`, phase, expectedEpoch, reason: 'test' }),
  );
  for (const moved of await Promise.all(moves)) expect(moved.ok ? null : moved.error.message).toBeNull();
}

it('follows 250 real connections through parallel and switch, and says when their gateway is gone', async () => {
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', estate.project.folder, '--port', '0'],
    {
      env: { ...process.env, ...estate.env, DATABASE_URL: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const { url } = z.object({ ready: z.literal(true), url: z.string() }).parse(JSON.parse(String(line)));
    const page = await fetch(url);
    expect(await page.text()).toContain('Cutover war room');
    const first = await until(url, ({ summary }) => summary.verdict === 'fine');
    expect(first.summary.headline).toBe(`All ${COUNT} connections are fine`);
    expect(first.sources.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['gateway 0', 'fine'],
      ['PostgreSQL', 'absent'],
    ]);
    await moveAll('parallel', 1);
    await until(url, ({ tiles }) => tiles.every(({ phase }) => phase === 'parallel'));
    await moveAll('switched', 2);
    const switched = await until(
      url,
      ({ tiles, timeline }) => tiles.every(({ phase }) => phase === 'switched') && timeline.length === 2 * COUNT,
    );
    // Nothing was sent: no message has proven the new epoch, so nobody says that it is fine.
    expect(switched.tiles.every(({ verdict }) => verdict !== 'fine')).toBe(true);
    process.kill(estate.gatewayPid(), 'SIGKILL');
    const gone = await until(url, ({ summary }) => summary.verdict === 'unknown');
    expect(gone.sources[0]?.verdict).toBe('bad');
  } finally {
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  }
});
