import { expect, test } from 'vitest';
import { changedFields, fieldsBeside, sideBySide } from './side-by-side.ts';

const message = (...lines: string[]): Buffer => Buffer.from(`MSH|^~\\&|A\r${lines.join('\r')}\r`);

test('given two messages, then each segment stands beside its own, and what differs is marked', () => {
  const control = message('PID|1', 'OBX|1|NM|A||1', 'OBX|2|NM|B||2', 'NTE|1||x\x1b[2J');
  const candidate = message('PID|1', 'ZXX|1', 'OBX|1|NM|A||9', 'NTE|1||x\x1b[2J');
  expect(sideBySide(control, candidate)).toEqual([
    { control: 'MSH|^~\\&|A', candidate: 'MSH|^~\\&|A', differs: false },
    { control: 'PID|1', candidate: 'PID|1', differs: false },
    { control: null, candidate: 'ZXX|1', differs: true },
    { control: 'OBX|1|NM|A||1', candidate: 'OBX|1|NM|A||9', differs: true },
    { control: 'OBX|2|NM|B||2', candidate: null, differs: true },
    { control: 'NTE|1||x·[2J', candidate: 'NTE|1||x·[2J', differs: false },
  ]);
  expect(sideBySide(control, Buffer.from('none'))).toBeNull();
});

test('given two messages by field, then the changed fields are marked, and classes say nothing of their values', () => {
  const control = message('PID|1||7^^^A~8||DOE^JANE', 'OBX|1|NM|A||95');
  const candidate = message('PID|1||7^^^A||DOE^JANE', 'OBX|1|NM|A||9.5', 'DOE was here');
  const texts = (values: 'shown' | 'classes') =>
    fieldsBeside(control, candidate, values)?.map(({ control: a, candidate: b }) =>
      [a, b].map((cells) => cells?.map(({ text, differs }) => (differs ? `<${text}>` : text)).join('|') ?? null),
    );
  expect(texts('shown')?.slice(1)).toEqual([
    ['PID|1||<7^^^A~8>||DOE^JANE', 'PID|1||<7^^^A>||DOE^JANE'],
    ['OBX|1|NM|A||<95>', 'OBX|1|NM|A||<9.5>'],
    [null, '<DOE was here>'],
  ]);
  expect(texts('classes')).toEqual([
    ['MSH|^~\\&|A', 'MSH|^~\\&|A'],
    ['PID|9||<9^^^A~9>||A^A', 'PID|9||<9^^^A>||A^A'],
    ['OBX|9|NM|A||<9>', 'OBX|9|NM|A||<9.9>'],
    [null, '<???>'],
  ]);
});

test('given two messages, then each changed field of aligned segments is told with its place, its code and both values', () => {
  const control = message('PID|1||7', 'OBX|1|NM|2345-7^Glucose||12.0||x\x1b[2J', 'OBX|2|NM|B||2');
  const candidate = message('PID|1||7', 'OBX|1|NM|2345-7^Glucose||12');
  expect(changedFields(control, candidate)).toEqual([
    { path: 'OBX-5', code: '2345-7', control: '12.0', candidate: '12' },
    { path: 'OBX-7', code: '2345-7', control: 'x·[2J', candidate: '' },
  ]);
});
