/**
 * Every fault of the rehearsal at a small size, as a person asks for it: real gateways, engine and PostgreSQL. Each ends green,
 * says what was done and how it was seen, and what the parties counted has no loss, no hidden double, nothing out of order.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killTree } from '../adapters/process-tree.ts';
import { rehearsalSchema } from '../core/rehearsal-document.ts';
import { REPOSITORY } from './verbs-harness.ts';

const LIMIT_MS = 1_800_000;
const PLAIN = ['--connections', '2', '--rate', '16', '--no-proof'];
/** What these do shows in a comparison. */
const PROVEN = ['--connections', '2', '--rate', '16', '--proof'];
const TWO_GATEWAYS = ['--connections', '4', '--rate', '24', '--gateways', '2', '--no-proof'];

type Case = {
  readonly fault: string;
  readonly args: readonly string[];
  readonly injected: RegExp;
  readonly seen: readonly RegExp[];
};

const CASES: readonly Case[] = [
  { fault: 'drift', args: PROVEN, injected: /meaning changed/, seen: [/^compare: red/, /pairs that differ, at \S+/] },
  { fault: 'drop', args: PROVEN, injected: /swallowed/, seen: [/^compare: red/, /misses of the new platform/] },
  { fault: 'duplicate', args: PROVEN, injected: /twice/, seen: [/^compare: red/, /only the new platform sent/] },
  { fault: 'slow', args: PLAIN, injected: /delayed/, seen: [/behind at most/, /caught up/] },
  { fault: 'nak', args: PLAIN, injected: /refused/, seen: [/rejected copies/] },
  { fault: 'candidate-down', args: PLAIN, injected: /no listener/, seen: [/behind at most/, /caught up/] },
  { fault: 'control-dies', args: PLAIN, injected: /kill -9 of the new platform/, seen: [/legacy owned again/] },
  { fault: 'database-down', args: PLAIN, injected: /PostgreSQL is stopped/, seen: [/rolled back without it/, /sync/] },
  { fault: 'backend-down', args: PLAIN, injected: /backend is out/, seen: [/rolled back without it/, /was refused/] },
  {
    fault: 'worst-night',
    args: PLAIN,
    injected: /kept in its queue/,
    seen: [
      /^connections on legacy \d+\.\d s after/,
      /ledger is left behind/,
      /none of them delivered twice/,
      /^sync brought/,
    ],
  },
  {
    fault: 'legacy-behind',
    args: PLAIN,
    injected: /messages that legacy was behind/,
    seen: [/^connections on legacy \d+\.\d s after/, /none of them delivered twice/],
  },
  {
    fault: 'gateway-dies',
    args: TWO_GATEWAYS,
    injected: /one of 2 gateways/,
    seen: [/of the others that a rollback took back meanwhile \(exit 4\)/, /maybe sent/],
  },
  {
    fault: 'gateway-frozen',
    args: TWO_GATEWAYS,
    injected: /SIGSTOP of one of 2/,
    seen: [
      /was refused: .*served by process/,
      /senders of the other gateways, in ms/,
      /successor serves/,
      /maybe sent/,
    ],
  },
  { fault: 'disk-full', args: TWO_GATEWAYS, injected: /took no byte/, seen: [/refused \(AR/, /went on by themselves/] },
];

let folder: string;
let running: number | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rehearsal-faults-'));
});

afterAll(async () => {
  killTree(running);
  await rm(folder, { recursive: true, force: true });
});

test.each(CASES)(
  '--fault $fault: green, and it says what was done and how it was seen',
  async ({ fault, args, injected, seen }) => {
    const { exitCode, stdout, stderr } = await rehearse(...args, '--fault', fault, '--json');
    const { verdict, reasons, messages, trouble } = rehearsalSchema.parse(JSON.parse(stdout));
    expect({ exitCode, verdict, reasons }, stderr).toEqual({ exitCode: 0, verdict: 'green', reasons: [] });
    expect(messages).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, altered: 0, unexpected: 0, misanswered: 0 });
    expect(trouble?.injected.map(({ what }) => what).join('\n')).toMatch(injected);
    const said = trouble?.seen.map(({ what }) => what) ?? [];
    for (const line of seen) expect(said).toContainEqual(expect.stringMatching(line));
  },
  LIMIT_MS,
);

async function rehearse(...args: readonly string[]) {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(REPOSITORY, 'scripts/cutover.ts'), 'rehearse', ...args], {
    cwd: folder,
    env: { ...env, XDG_STATE_HOME: join(folder, 'state') },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child.pid;
  const chunks = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    chunks.stderr += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { exitCode: typeof code === 'number' ? code : -1, ...chunks };
}
