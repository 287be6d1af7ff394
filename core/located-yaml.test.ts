import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { formatPath, formatProblem, parseYaml } from './located-yaml.ts';

const schema = z.strictObject({ a: z.int(), list: z.array(z.strictObject({ b: z.string() })).default([]) });

describe('given a YAML file, when it is read against a schema', () => {
  test('then what is right is a value that knows its lines', () => {
    const parsed = parseYaml('# a comment\na: 1\nlist:\n  - b: x\n  - b: y\n', 'f.yaml', schema);
    if (!parsed.ok) throw new Error('expected a value');
    expect(parsed.value).toEqual({ a: 1, list: [{ b: 'x' }, { b: 'y' }] });
    expect(parsed.lineOf(['a'])).toBe(2);
    expect(parsed.lineOf(['list', 1, 'b'])).toBe(5);
  });

  test('then the line of what is not there is that of the nearest thing that is', () => {
    const parsed = parseYaml('a: 1\nlist:\n  - b: x\n', 'f.yaml', schema);
    if (!parsed.ok) throw new Error('expected a value');
    expect(parsed.lineOf(['list', 0, 'c', 'd'])).toBe(3);
  });

  test('then anchors are followed, and a bomb of them is a problem, not a crash', () => {
    const many = `a: 1\nlist:\n  - &one { b: x }\n${'  - *one\n'.repeat(1000)}`;
    expect(parseYaml(many, 'f.yaml', schema)).toMatchObject({ ok: true, value: { list: { length: 1001 } } });
    const levels = Array.from(
      { length: 9 },
      (_, index) => `l${index}: &l${index} [${'*l'.concat(String(index - 1), ', ').repeat(9)}]`,
    );
    const bomb = ['l-1: &l-1 x', ...levels].join('\n');
    const parsed = parseYaml(bomb, 'f.yaml', schema);
    expect(parsed).toMatchObject({ ok: false, problems: [{ file: 'f.yaml', path: '' }] });
  });

  test.each([
    ['a key twice', 'a: 1\na: 2\n', 2],
    ['broken indentation', 'a: 1\n list:\n', 1],
    ['a tab', 'a: 1\nlist:\n\t- b: x\n', 3],
  ])('then %s is one problem of the file, with its line', (_, text, line) => {
    const parsed = parseYaml(text, 'f.yaml', schema);
    expect(parsed).toMatchObject({ ok: false, problems: [{ file: 'f.yaml', line, path: '' }] });
  });

  test('then every unknown key is a problem of its own, and the remedy says where the keys are listed', () => {
    const parsed = parseYaml('a: 1\nx: 1\ny: 1\n', 'f.yaml', schema);
    expect(parsed).toMatchObject({
      ok: false,
      problems: [
        { path: 'x', line: 2, remedy: expect.stringContaining('docs/reference') },
        { path: 'y', line: 3 },
      ],
    });
  });
});

test('a path is written as people read it', () => {
  expect(formatPath([])).toBe('');
  expect(formatPath(['connections', 3, 'feed', 'port'])).toBe('connections[3].feed.port');
});

test('a problem is one line, with the place only where there is one', () => {
  const problem = { file: 'f.yaml', line: 12, path: 'a.b', message: 'is wrong', remedy: 'mend it' };
  expect(formatProblem(problem)).toBe('f.yaml:12: a.b: is wrong → mend it');
  expect(formatProblem({ ...problem, line: 0, path: '' })).toBe('f.yaml: is wrong → mend it');
});
