/** given an edge stack's file, when paths are written, then nothing else changes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EDGE as SPACED } from '../core/edge/edge.example.ts';
import type { PathEntry } from '../core/edge/path.ts';
import { editPaths, readEdgeFile } from './edge-file.ts';

/** As the Pulumi CLI writes it. */
const EDGE = SPACED.replaceAll('{ ', '{').replaceAll(' }', '}');
const NEW: PathEntry = { path: 'direct', platform: 'new' };

describe('the file of an edge stack', () => {
  it('keeps comments, order and every other line', () => {
    const text = EDGE.replace('idleTimeout: 6000s', 'idleTimeout: 6000s # nights without a message');
    const edited = editPaths(
      text,
      new Map<string, PathEntry>([
        ['alderbrook-orders', NEW],
        ['riverview-orders', { path: 'gateway' }],
      ]),
    );
    expect(edited.split('\n')).toEqual([
      ...text
        .replace('alderbrook-orders: {path: gateway}', 'alderbrook-orders: {path: direct, platform: new}')
        .split('\n')
        .slice(0, -1),
      '    riverview-orders: {path: gateway}',
      '',
    ]);
  });

  it('leaves the paths of others that a person wrote as one with it (& and *)', () => {
    const paths = '    alderbrook-orders: &g {path: gateway}\n    riverview-orders: *g\n';
    const text = `${EDGE.slice(0, EDGE.indexOf('  lab-cutover:paths'))}  lab-cutover:paths:\n${paths}`;
    const edited = editPaths(text, new Map([['alderbrook-orders', NEW]]));
    expect(edited).toContain(
      '    alderbrook-orders: {path: direct, platform: new}\n    riverview-orders: {path: gateway}\n',
    );
  });

  it('gets paths where it has none yet', () => {
    const without = EDGE.slice(0, EDGE.indexOf('  lab-cutover:paths'));
    expect(editPaths(without, new Map([['alderbrook-orders', NEW]]))).toContain(
      '  lab-cutover:paths:\n    alderbrook-orders: {path: direct, platform: new}\n',
    );
  });

  it('is absent, read, or invalid with every problem', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cutover-edge-file-'));
    try {
      const file = join(folder, 'Pulumi.production-edge.yaml');
      expect(await readEdgeFile(file)).toMatchObject({ kind: 'absent' });
      await writeFile(file, EDGE);
      expect(await readEdgeFile(file)).toMatchObject({ kind: 'read', stack: { edge: { region: 'us-east-1' } } });
      await writeFile(file, EDGE.replace('region', 'regoin'));
      expect(await readEdgeFile(file)).toMatchObject({ kind: 'invalid' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
