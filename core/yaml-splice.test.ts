/** Whatever is replaced, everything else stays byte for byte, and the value is what was asked for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inlineYaml, replaceValues } from './yaml-splice.ts';

const TEXT = `# head
a:   {  b: 'one' ,c: [1,2 ] } # odd spaces
list:
  - name: "x"   # first
    wave: old
  - {name: y, wave: old}

block:
  k: v
  # inside
  l: w
end: yes
`;

describe('replaced values', () => {
  it('change nothing around them', () => {
    const { text, missing } = replaceValues(TEXT, [
      { path: ['list', 0, 'wave'], value: 'pilot' },
      { path: ['list', 1, 'wave'], value: 'wave 2' },
      { path: ['a', 'c'], value: ['p', 3] },
      { path: ['nowhere', 'at', 'all'], value: 1 },
    ]);
    const expected = TEXT.replace('wave: old', 'wave: pilot')
      .replace('wave: old', 'wave: "wave 2"')
      .replace('[1,2 ]', '[p, 3]');
    expect(text).toBe(expected);
    expect(missing).toEqual([['nowhere', 'at', 'all']]);
  });

  it('a block collection goes as a whole, and what follows stays', () => {
    const { text } = replaceValues(TEXT, [{ path: ['block'], value: { k: 'new' } }]);
    expect(parse(text)).toEqual({ ...parse(TEXT), block: { k: 'new' } });
    expect(text.endsWith('\nend: yes\n')).toBe(true);
  });

  it('any text and number comes back as itself, in block and flow', () => {
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.boolean(),
      fc.array(fc.string(), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(value, (wanted) => {
        const { text } = replaceValues(TEXT, [
          { path: ['list', 0, 'wave'], value: wanted },
          { path: ['list', 1, 'wave'], value: wanted },
        ]);
        const read = parse(text);
        expect(read.list[0].wave).toEqual(wanted);
        expect(read.list[1].wave).toEqual(wanted);
        expect(parse(inlineYaml({ key: wanted }))).toEqual({ key: wanted });
      }),
    );
  });
});
