import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RouteEntry } from '../core/stack-config.ts';
import { editEntries, editFile, readStackFile, renameEntries, replaceFile } from './stack-file.ts';

const STACK = `# who to call: ada
config:
  lab-cutover:layer: routes # the night touches only this one

  lab-cutover:routes:
    # pilot
    northside-orders: { phase: legacy, epoch: 1 } # first
    northside-results:
      phase: parallel # since Monday
      newWeight: 0
      epoch: 2
      approval: sha256:${'a'.repeat(64)}
encryptionsalt: v1:abc
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stack-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('verbs that end at the same moment: the file has the entries of all of them, and nothing is left beside it', async () => {
  const file = join(folder, 'Pulumi.test.yaml');
  await writeFile(file, STACK);
  const names = Array.from({ length: 20 }, (_, index) => `practice-${index}`);
  const done = await Promise.all(
    names.map((name) =>
      editFile(file, (text) => editEntries(text, new Map([[name, { phase: 'legacy', newWeight: 0, epoch: 1 }]]))),
    ),
  );
  expect(new Set(done)).toEqual(new Set([true]));
  const text = await readFile(file, 'utf8');
  for (const name of names) expect(text).toContain(`    ${name}: { phase: legacy, epoch: 1 }\n`);
  expect(text).toContain('northside-orders: { phase: legacy, epoch: 1 } # first');
  expect(await editFile(file, (same) => same)).toBe(false);
  expect(await readdir(folder)).toEqual(['Pulumi.test.yaml']);
});

test('an edited entry keeps every comment, the layout and everything else', () => {
  const edited = edit({ 'northside-orders': { phase: 'parallel', newWeight: 0, epoch: 2 } });
  expect(edited).toBe(
    STACK.replace('{ phase: legacy, epoch: 1 } # first', '{ phase: parallel, epoch: 2, newWeight: 0 } # first'),
  );
});

test('an entry in block style keeps the comments inside it, and loses what no longer holds', () => {
  const edited = edit({ 'northside-results': { phase: 'switched', newWeight: 0, epoch: 3 } });
  expect(edited).toContain('      phase: switched # since Monday\n');
  expect(edited).not.toContain('approval');
  expect(edited).toContain('northside-orders: { phase: legacy, epoch: 1 } # first');
});

test('an entry gets the name that its connection has now, and stays what it is; one that is there under it already holds', () => {
  const renamed = new Map([['northside-orders', 'southside-orders']]);
  expect(renameEntries(STACK, renamed)).toBe(STACK.replace('northside-orders:', 'southside-orders:'));
  expect(renameEntries(STACK, new Map([['elsewhere', 'nowhere']]))).toBe(STACK);
  const both = renameEntries(STACK, new Map([['northside-orders', 'northside-results']]));
  expect(both).not.toContain('northside-orders');
  expect(both).toContain('northside-results:\n      phase: parallel # since Monday\n');
});

test('a new entry is added, also where there were none', () => {
  const added = edit({ 'harbor-orders': { phase: 'legacy', newWeight: 0, epoch: 1 } });
  expect(added).toContain('    harbor-orders: { phase: legacy, epoch: 1 }\n');
  const bare = 'config:\n  lab-cutover:layer: routes\n';
  const entries = new Map<string, RouteEntry>([['a', { phase: 'legacy', newWeight: 0, epoch: 1 }]]);
  expect(editEntries(bare, entries)).toBe(`${bare}  lab-cutover:routes:\n    a: { phase: legacy, epoch: 1 }\n`);
  expect(editEntries(`${bare}  lab-cutover:routes: {}\n`, entries)).toContain('\n    a: { phase: legacy, epoch: 1 }\n');
});

test('entries that a person wrote as one (& and *): an edit of one is none of the others', async () => {
  const text = `config:
  lab-cutover:layer: routes
  lab-cutover:routes:
    first: &all { phase: parallel, newWeight: &share 10, epoch: 3 } # the pilot
    second: *all
    third: { phase: parallel, newWeight: *share, epoch: 7 }
    fourth: *all
`;
  const file = join(folder, 'Pulumi.test.yaml');
  const edit = async (entries: Record<string, RouteEntry>) => {
    await writeFile(file, editEntries(text, new Map(Object.entries(entries))));
    const read = await readStackFile(file);
    if (!read.ok) throw new Error(read.problems.join());
    return { routes: read.value.config.routes, written: read.value.text };
  };
  const was = { phase: 'parallel', newWeight: 10, epoch: 3 };
  const third = { ...was, epoch: 7 };
  const moved: RouteEntry = { phase: 'switched', newWeight: 0, epoch: 4 };
  const first = await edit({ first: moved });
  expect(first.routes).toEqual({ first: moved, second: was, third, fourth: was });
  expect(first.written).toContain('epoch: 4 } # the pilot\n');
  expect(first.written).toContain('    second: { phase: parallel, newWeight: 10, epoch: 3 }\n');
  expect((await edit({ second: moved })).routes).toEqual({ first: was, second: moved, third, fourth: was });
  expect((await edit({ third: moved, fourth: moved })).routes).toEqual({
    first: was,
    second: was,
    third: moved,
    fourth: moved,
  });
});

test('no edits: not a byte changes', () => {
  expect(edit({})).toBe(STACK);
});

test('a reason is written as text whatever characters it has', async () => {
  const reason = 'results: late, "very" #late';
  const edited = edit({ 'northside-orders': { phase: 'parallel', newWeight: 0, epoch: 4, reason } });
  const file = join(folder, 'Pulumi.test.yaml');
  await replaceFile(file, edited);
  const read = await readStackFile(file);
  expect(read.ok && read.value.config.routes['northside-orders']?.reason).toBe(reason);
});

test('the file is replaced and nothing is left beside it', async () => {
  const file = join(folder, 'Pulumi.test.yaml');
  await writeFile(file, STACK);
  await replaceFile(file, 'config: {}\n');
  expect(await readFile(file, 'utf8')).toBe('config: {}\n');
  expect(await readdir(folder)).toEqual(['Pulumi.test.yaml']);
});

test('a file that is missing or invalid says where', async () => {
  const missing = await readStackFile(join(folder, 'none.yaml'));
  expect(missing).toMatchObject({ ok: false, code: 'stack-file-missing' });
  const file = join(folder, 'Pulumi.test.yaml');
  await writeFile(file, STACK.replace('phase: legacy', 'phase: moved'));
  const invalid = await readStackFile(file);
  expect(invalid).toMatchObject({ ok: false, code: 'stack-file-invalid' });
  expect(!invalid.ok && invalid.problems[0]).toContain(`${file}:7`);
});

function edit(entries: Readonly<Record<string, RouteEntry>>): string {
  return editEntries(STACK, new Map(Object.entries(entries)));
}
