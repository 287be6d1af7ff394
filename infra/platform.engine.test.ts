/** The platform layer of the example on the real engine, with a cloud that is none. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStandInProject, type StandInProject } from './testing/stand-in-stack.ts';

const STACK = 'production-platform';
const LIMIT_MS = 600_000;

describe('the platform layer on the real engine', { timeout: LIMIT_MS }, () => {
  let project: StandInProject;

  beforeAll(async () => {
    project = await createStandInProject();
    await project.run(STACK, ['stack', 'init']);
  }, LIMIT_MS);
  afterAll(() => project.remove());

  it('previews without a cloud, comes up, and keeps no secret in its state', async () => {
    const preview = await project.run(STACK, ['preview']);
    expect(preview, preview.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    expect(await project.resources()).toEqual([]);
    const up = await project.run(STACK, ['up', '--yes', '--skip-preview']);
    expect(up, up.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    const { output } = await project.run(STACK, ['stack', 'export']);
    expect(output).toContain('StatefulSet');
    expect(output).not.toMatch(/kind: Config|podIP|PRIVATE KEY/);
  });

  it('finds what was changed behind its back', async () => {
    await project.tamper('aws:rds/instance:Instance::database', ({ urn, inputs, outputs }) => ({
      urn,
      inputs: { ...inputs, multiAz: false },
      outputs: { ...outputs, multiAz: false },
    }));
    const drift = await project.run(STACK, ['preview', '--refresh', '--expect-no-changes', '--diff']);
    expect(drift.exitCode).not.toBe(0);
    expect(drift.output).toContain('multiAz');
  });

  it('refuses a setting that is mistyped, by file, line and remedy', async () => {
    const file = join(project.folder, `stacks/Pulumi.${STACK}.yaml`);
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace('storageGiB: 500', 'storageGiB: lots'));
    const { exitCode, output } = await project.run(STACK, ['preview']);
    await writeFile(file, good);
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(new RegExp(`stacks/Pulumi\\.${STACK}\\.yaml:\\d+:`));
  });

  it('deletes nothing that holds production data', async () => {
    const destroyed = await project.run(STACK, ['destroy', '--yes', '--skip-preview']);
    expect(destroyed.exitCode).not.toBe(0);
    expect(destroyed.output).toContain('protected');
    const kept = (await project.resources()).map(({ urn }) => urn.split('$').at(-1));
    expect(kept).toContain('aws:rds/instance:Instance::database');
  });
});
