import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Evidence, freezeEvidence, readFrozen } from './evidence.ts';

const DRILL: Evidence = {
  kind: 'drill',
  deployment: 'lab-1',
  stack: 'production',
  at: '2026-03-01T22:00:00.000Z',
  connections: ['b', 'a'],
  body: { rollbackMs: 120, readiness: [{ name: 'a', ready: true }] },
};

test('its name is the SHA-256 of its bytes, whatever order its keys were given in', () => {
  const { text, digest } = freezeEvidence(DRILL);
  expect(digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
  const { body, at, ...rest } = DRILL;
  expect(freezeEvidence({ body, at, ...rest, connections: ['a', 'b'] }).digest).toBe(digest);
  expect(readFrozen(text, digest)).toEqual({ ok: true, value: { ...DRILL, connections: ['a', 'b'] } });
});

test('any byte that is changed, added or removed is another document', () => {
  const { text, digest } = freezeEvidence(DRILL);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('change', 'remove', 'add'), (at, how) => {
      const instead = how === 'remove' ? '' : how === 'add' ? ` ${text[at]}` : text[at] === 'x' ? 'y' : 'x';
      const changed = text.slice(0, at) + instead + text.slice(at + 1);
      expect(readFrozen(changed, digest)).toMatchObject({ ok: false });
    }),
  );
});

test('a document that is named rightly but is not canonical, or no evidence, is refused', () => {
  const nameOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const pretty = JSON.stringify({ ...DRILL, connections: ['a', 'b'] }, null, 2);
  expect(readFrozen(pretty, nameOf(pretty))).toEqual({ ok: false, message: 'it is not canonical JSON' });
  const twice = freezeEvidence(DRILL).text.replace('{', '{"at":"2026-01-01T00:00:00.000Z",');
  expect(readFrozen(twice, nameOf(twice))).toMatchObject({ ok: false });
  for (const text of ['', '{', '[]', '{"kind":"rumour"}'])
    expect(readFrozen(text, nameOf(text))).toMatchObject({ ok: false });
});

test('what JSON cannot carry is not frozen', () => {
  expect(() => freezeEvidence({ ...DRILL, body: { pauseMs: Number.NaN } })).toThrow();
  expect(() => freezeEvidence({ ...DRILL, body: { text: '\ud800' } })).toThrow(/surrogates/);
});
