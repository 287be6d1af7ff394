// The adapter against the real engine: a program in a temporary folder, a file backend, no cloud.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { isProcessAlive } from './process-alive.ts';
import { createPulumi, type Pulumi, type PulumiEngine } from './pulumi.ts';

const ENGINE_LIMIT_MS = 40 * 60 * 1000;
const COMMAND_LIMIT_MS = 120_000;
const TOKEN = 'token-that-must-not-show';
const REPOSITORY = join(import.meta.dirname, '..');

/** Fails, waits or exports, as its config says. `HOLD` is a file: the program says that it runs and waits until it goes. */
const PROGRAM = `
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import * as pulumi from '@pulumi/pulumi';
class Thing extends pulumi.ComponentResource {
  constructor(name) { super('probe:index:Thing', name, {}); this.registerOutputs({ size: name.length }); }
}
const config = new pulumi.Config();
writeFileSync(tmpdir() + '/pulumi.log.INFO.' + process.pid, 'as the engine leaves them where a plugin runs');
for (const name of (config.get('things') ?? '').split(' ')) if (name !== '') new Thing(name);
if (config.get('fail')) throw new Error('told to fail, knowing ' + process.env.CUTOVER_ADMIN_TOKEN);
const hold = config.get('hold');
if (hold) {
  writeFileSync(hold, 'running');
  while (existsSync(hold)) await delay(20);
}
export const greeting = config.get('greeting') ?? 'none';
`;

let engine: PulumiEngine;
let folder: string;
let pulumi: Pulumi;
/** Ends, also when a test failed, whatever it left running. */
let interruption: AbortController;
let running: Promise<unknown>[];

beforeAll(async () => {
  const found = await promisify(execFile)(process.execPath, [join(REPOSITORY, 'infra/engine/main.ts')]);
  engine = z.object({ pulumi: z.string(), binDirs: z.array(z.string()) }).parse(JSON.parse(found.stdout));
  folder = await mkdtemp(join(tmpdir(), 'cutover-pulumi-test-'));
  await mkdir(join(folder, 'state'));
  await mkdir(join(folder, 'tmp'));
  vi.stubEnv('TMPDIR', join(folder, 'tmp'));
  await mkdir(join(folder, 'stacks'));
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  const project =
    'name: probe\nruntime: {name: nodejs, options: {typescript: false}}\nmain: index.ts\nstackConfigDir: stacks\n';
  await writeFile(join(folder, 'Pulumi.yaml'), project);
  await writeFile(join(folder, 'package.json'), '{"name":"probe","type":"module"}');
  await writeFile(join(folder, 'index.ts'), PROGRAM);
  pulumi = createPulumi({
    engine,
    workDir: folder,
    backendUrl: pathToFileURL(join(folder, 'state')).href,
    env: { CUTOVER_ADMIN_TOKEN: TOKEN },
  });
}, ENGINE_LIMIT_MS);

beforeEach(() => {
  interruption = new AbortController();
  running = [];
});

afterEach(async () => {
  interruption.abort();
  await Promise.all(running);
  // Neither logs nor pipes, however the run ended.
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A stack of its own, and the way to a config file for one run of it. */
async function givenStack(stack: string): Promise<(config: Record<string, string>) => Promise<string>> {
  const made = await pulumi.selectOrInit(stack);
  expect(made).toEqual({ ok: true, value: { created: true } });
  const own = await readFile(join(folder, 'stacks', `Pulumi.${stack}.yaml`), 'utf8');
  return async (config) => {
    const lines = Object.entries(config).map(([key, value]) => `  probe:${key}: ${JSON.stringify(value)}\n`);
    const file = join(folder, `copy-of-${stack}.yaml`);
    await writeFile(file, `${own}\nconfig:\n${lines.join('')}`);
    return file;
  };
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  const listed = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return listed.flatMap(([pid, itsParent]) => (pid !== undefined && itsParent === parent ? [pid] : []));
}

describe('the Pulumi adapter', { timeout: COMMAND_LIMIT_MS }, () => {
  test('says the version', async () => {
    expect(await pulumi.version()).toEqual({ ok: true, value: expect.stringMatching(/^3\.\d+\.\d+/) });
  });

  test('makes a stack once and finds it again, leaving its file as it is', async () => {
    await givenStack('found');
    const before = await readFile(join(folder, 'stacks', 'Pulumi.found.yaml'), 'utf8');
    expect(await pulumi.selectOrInit('found')).toEqual({ ok: true, value: { created: false } });
    expect(await readFile(join(folder, 'stacks', 'Pulumi.found.yaml'), 'utf8')).toBe(before);
  });

  test('up, preview, state, history and refresh tell the same story', async () => {
    const configured = await givenStack('story');
    const configFile = await configured({ things: 'one two', greeting: 'hello' });
    const lines: string[] = [];

    const previewed = await pulumi.preview({ stack: 'story', configFile });
    expect(previewed).toMatchObject({ ok: true, value: { resourceChanges: { create: 3 } } });

    const updated = await pulumi.up({
      stack: 'story',
      configFile,
      parallel: 4,
      continueOnError: true,
      message: 'change 4711',
      onLine: (line) => lines.push(line),
    });
    if (!updated.ok) throw new Error(updated.diagnostics.join('\n'));
    expect(updated.value.resourceChanges).toEqual({ create: 3 });
    expect(updated.value.steps.map(({ op, outcome }) => `${op} ${outcome}`)).toEqual(Array(3).fill('create done'));
    expect(lines.join('\n')).toContain('greeting: "hello"');

    const state = await pulumi.exportState('story');
    if (!state.ok) throw new Error(state.diagnostics.join('\n'));
    expect(state.value.pending).toEqual([]);
    const two = state.value.resources.find(({ urn }) => urn.endsWith('::two'));
    expect(two).toMatchObject({ type: 'probe:index:Thing', outputs: { size: 3 }, protect: false });

    const history = await pulumi.history('story');
    if (!history.ok) throw new Error(history.diagnostics.join('\n'));
    expect(history.value).toHaveLength(1);
    expect(history.value[0]).toMatchObject({ kind: 'update', result: 'succeeded', message: 'change 4711' });
    expect(history.value[0]?.config['probe:things']).toEqual({ value: 'one two', secret: false });

    const urn = two?.urn ?? '';
    const targeted = await pulumi.up({
      stack: 'story',
      configFile: await configured({ things: 'one two three', greeting: 'hello' }),
      targets: [urn],
    });
    expect(targeted).toMatchObject({ ok: true, value: { steps: [] } });
    expect(await pulumi.previewRefresh({ stack: 'story', configFile })).toMatchObject({ ok: true });
    expect(await pulumi.refresh({ stack: 'story', configFile })).toMatchObject({ ok: true });
    const destroyed = await pulumi.destroy({ stack: 'story', configFile });
    expect(destroyed).toMatchObject({ ok: true, value: { resourceChanges: { delete: 3 } } });
  });

  test('a stack that nobody made is not-found', async () => {
    expect(await pulumi.exportState('nobody')).toMatchObject({ ok: false, kind: 'not-found', command: 'pulumi stack' });
    expect(await pulumi.up({ stack: 'nobody' })).toMatchObject({ ok: false, kind: 'not-found', command: 'pulumi up' });
  });

  test('a failing program is a value that says why, without the token', async () => {
    const configured = await givenStack('failing');
    const lines: string[] = [];
    const failed = await pulumi.up({
      stack: 'failing',
      configFile: await configured({ things: 'one', fail: 'yes' }),
      onLine: (line) => lines.push(line),
    });
    if (failed.ok) throw new Error('it should have failed');
    expect(failed.kind).toBe('failed');
    expect(failed.exitCode).toBeGreaterThan(0);
    expect(failed.diagnostics.join('\n')).toContain('told to fail, knowing [redacted]');
    expect(failed.report.diagnostics[0]?.severity).toBe('error');
    expect(`${JSON.stringify(failed)}${lines.join('')}`).not.toContain(TOKEN);
  });

  test('an update under way locks the stack; one interruption ends it and frees the stack', async () => {
    const configured = await givenStack('held');
    const hold = join(folder, 'hold');
    const held = pulumi.up({
      stack: 'held',
      configFile: await configured({ things: 'one', hold }),
      signal: interruption.signal,
    });
    running.push(held);
    await vi.waitFor(() => stat(hold), { timeout: COMMAND_LIMIT_MS / 2 });

    const holder = await pulumi.lockInfo('held');
    expect(holder).toMatchObject({ hostname: hostname(), alive: true });
    expect(await pulumi.up({ stack: 'held' })).toMatchObject({ ok: false, kind: 'locked' });

    interruption.abort();
    expect(await held).toMatchObject({ ok: false, kind: 'interrupted' });
    expect(await pulumi.lockInfo('held')).toBeNull();
    expect(isProcessAlive(holder?.pid ?? 0)).toBe(false);
    expect(await pulumi.up({ stack: 'held' })).toMatchObject({ ok: true });
  });

  test('the lock of a killed CLI is seen as dead and can be cancelled', async () => {
    const configured = await givenStack('killed');
    const hold = join(folder, 'hold-killed');
    const held = pulumi.up({ stack: 'killed', configFile: await configured({ hold }), signal: interruption.signal });
    running.push(held);
    await vi.waitFor(() => stat(hold), { timeout: COMMAND_LIMIT_MS / 2 });
    const pid = (await pulumi.lockInfo('killed'))?.pid;
    if (pid === undefined) throw new Error('the stack is not locked');
    const plugins = await childrenOf(pid);
    expect(plugins).not.toEqual([]);
    process.kill(pid, 'SIGKILL');

    expect(await held).toMatchObject({ ok: false, kind: 'failed', exitCode: null });
    await vi.waitFor(() => expect(plugins.filter(isProcessAlive)).toEqual([]), { timeout: COMMAND_LIMIT_MS / 2 });
    expect(await pulumi.lockInfo('killed')).toMatchObject({ pid, alive: false });
    expect(await pulumi.up({ stack: 'killed' })).toMatchObject({ ok: false, kind: 'locked' });
    expect(await pulumi.cancel('killed')).toEqual({ ok: true, value: null });
    expect(await pulumi.up({ stack: 'killed' })).toMatchObject({ ok: true });
  });

  test('what does not heed the interruption in time is ended with everything below it', async () => {
    const stubborn = join(folder, 'stubborn');
    const below = join(folder, 'below.pid');
    await writeFile(
      stubborn,
      `#!/bin/sh\ntrap '' INT\nsleep 600 &\necho $! > ${below}.new\nmv ${below}.new ${below}\nwait\nwait\n`,
      { mode: 0o755 },
    );
    const impatient = createPulumi({
      engine: { pulumi: stubborn, binDirs: [] },
      workDir: folder,
      backendUrl: 'file:///nowhere',
      graceMs: 50,
    });
    const version = impatient.version({ signal: interruption.signal });
    running.push(version);
    await vi.waitFor(() => stat(below), { timeout: COMMAND_LIMIT_MS / 2 });
    interruption.abort();
    expect(await version).toMatchObject({ ok: false, kind: 'interrupted' });
    const pid = Number(await readFile(below, 'utf8'));
    await vi.waitFor(() => expect(isProcessAlive(pid)).toBe(false), { timeout: COMMAND_LIMIT_MS / 2 });
  });

  test('a CLI that is not there is a failure, not an exception', async () => {
    const missing = createPulumi({
      engine: { pulumi: join(folder, 'no-such-cli'), binDirs: [] },
      workDir: folder,
      backendUrl: 'file:///nowhere',
    });
    const failed = await missing.version();
    expect(failed).toMatchObject({ ok: false, kind: 'failed', exitCode: null });
    expect(failed.ok ? [] : failed.diagnostics).toEqual([expect.stringContaining('cannot be started')]);
  });
});
