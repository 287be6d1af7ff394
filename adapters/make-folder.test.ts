import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'make-folder-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('makes all that is missing, and is content with what is there', () => {
  const folder = join(root, 'a', 'b', 'c');
  makeFolder(folder, 0o700);
  makeFolder(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test.each([
  ['a file above it', 'file/below', /ENOTDIR/],
  ['a file in its place', 'file', /EEXIST/],
  ['a link to nowhere in its place', 'nowhere', /ENOENT/],
  ['a link to nowhere above it', 'nowhere/below', /ENOENT/],
])('%s: says so at once', (_, path, message) => {
  writeFileSync(join(root, 'file'), '');
  symlinkSync(join(root, 'gone'), join(root, 'nowhere'));
  expect(() => makeFolder(join(root, path))).toThrow(message);
});

test.runIf(process.platform === 'linux')('a place where no folder can be, as in /proc: says so at once', () => {
  expect(() => makeFolder('/proc/nothing/here')).toThrow('/proc/nothing/here cannot be made (ENOENT)');
});
