import { describe, expect, test } from 'vitest';
import { FIELD_PATH_PATTERN, parseFieldPath } from './path.ts';

describe('given a field path', () => {
  test.each([
    ['MSH-10', 'MSH', 10, 0, 0],
    ['PID-3.1', 'PID', 3, 1, 0],
    ['OBX-5.1.2', 'OBX', 5, 1, 2],
    ['ZP1-999.999.999', 'ZP1', 999, 999, 999],
  ])('then %s is read', (text, segment, field, component, subcomponent) => {
    expect(parseFieldPath(text)).toEqual({ segment, field, component, subcomponent });
    expect(parseFieldPath(text)).toBe(parseFieldPath(text));
  });

  test.each([
    '',
    'MSH',
    'MSH-0',
    'MSH-01',
    'msh-10',
    '1SH-1',
    'MSH-10.',
    'MSH-10.0',
    'PID-3.1.1.1',
    'PID.3',
    'MSH-1000',
    ' MSH-1',
  ])('then %j is refused, by the schema and by the reader', (text) => {
    expect(FIELD_PATH_PATTERN.test(text)).toBe(false);
    expect(() => parseFieldPath(text)).toThrow(TypeError);
  });
});
