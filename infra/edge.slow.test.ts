/** 250 connections at the edge, on the real engine: preview, up, a change of one path, what was changed behind it, destroy. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStandInProject, type StandInProject } from './testing/stand-in-stack.ts';

const STACK = 'production-edge';
const LIMIT_MS = 1_800_000;

describe('the edge of the example production', { timeout: LIMIT_MS }, () => {
  let project: StandInProject;

  beforeAll(async () => {
    project = await createStandInProject();
    await project.run(STACK, ['stack', 'init']);
  }, LIMIT_MS);
  afterAll(() => project.remove());

  it('previews, comes up, and is then what was declared', async () => {
    const preview = await project.run(STACK, ['preview', '--parallel', '64']);
    expect(preview, preview.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    expect(await project.resources()).toEqual([]);
    const up = await project.run(STACK, ['up', '--yes', '--skip-preview', '--parallel', '64']);
    expect(up, up.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    const created = await project.calls();
    expect(created.filter((call) => call.startsWith('create aws:lb/listener:Listener'))).toHaveLength(226 + 254 + 2);
  });

  it('touches one listener where the path of one feed changes', async () => {
    const set = ['config', 'set', '--path', 'lab-cutover:paths["riverview-orders"].path', 'gateway'];
    expect(await project.run(STACK, set)).toMatchObject({ exitCode: 0 });
    const up = await project.run(STACK, ['up', '--yes', '--skip-preview', '--parallel', '64']);
    expect(up, up.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    expect(await project.calls()).toEqual(['update aws:lb/listener:Listener::riverview-orders']);
  });

  it('protects the load balancers from a destroy', async () => {
    const destroyed = await project.run(STACK, ['destroy', '--yes', '--skip-preview']);
    expect(destroyed.exitCode).not.toBe(0);
    expect(destroyed.output).toContain('protected');
  });
});
