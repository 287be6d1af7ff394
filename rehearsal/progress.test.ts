import { expect, test } from 'vitest';
import { progressOn } from './progress.ts';

function stream(isTTY: boolean): { readonly written: string[]; readonly stream: Parameters<typeof progressOn>[0] } {
  const written: string[] = [];
  const write = (text: string | Uint8Array): boolean => {
    written.push(String(text));
    return true;
  };
  return { written, stream: { isTTY, columns: 60, write } };
}

test('without a terminal: one plain line an event, no control characters', () => {
  const { written, stream: plain } = stream(false);
  const progress = progressOn(plain, performance.now());
  progress.step('switch');
  progress.detail('pulumi up');
  progress.traffic('12 sent');
  progress.line('switch: done');
  progress.end();
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/^ +0\.0 s {2}switch: done\n$/);
});

test('on a terminal: the step is rewritten in place with its messages, and gone at the end', () => {
  const { written, stream: terminal } = stream(true);
  const progress = progressOn(terminal, performance.now());
  progress.traffic('1,234 sent');
  progress.step('switch');
  progress.line('switch: done');
  progress.end();
  expect(written.join('')).toContain('switch: done\n');
  const [inPlace = ''] = written;
  expect(inPlace).toContain('1,234 sent');
  for (const text of written) expect(text.startsWith('\r\u001b[2K')).toBe(true);
  expect(written.at(-1)).toBe('\r\u001b[2K');
});

test('a line longer than the terminal is wide is cut, so that it can be rewritten', () => {
  const { written, stream: terminal } = stream(true);
  const progress = progressOn(terminal, performance.now());
  progress.traffic('x'.repeat(200));
  progress.step('switch');
  progress.end();
  expect((written[0] ?? '').length).toBeLessThanOrEqual('\r\u001b[2K'.length + 59);
});
