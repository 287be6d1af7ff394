import { describe, expect, it } from 'vitest';
import { packageSchema } from './package-schema.ts';
import { readVerbRequest } from './verb-request.ts';

describe('the package schema', () => {
  it('names both resources, with outputs that do not move by themselves and without a token', () => {
    const text = packageSchema();
    const { resources } = JSON.parse(text);
    expect(Object.keys(resources)).toEqual(['cutover:index:Route', 'cutover:index:Gateway']);
    const { requiredInputs, properties } = resources['cutover:index:Route'];
    expect(requiredInputs).toEqual(['name', 'admin', 'shard', 'deployment', 'phase', 'epoch']);
    expect(Object.keys(properties)).toEqual(
      expect.arrayContaining(['phase', 'newWeight', 'epoch', 'control', 'deployment', 'incarnation']),
    );
    expect(text).not.toMatch(/token/i);
  });
});

describe('what a verb tells the provider', () => {
  it('is nothing for a bare update', () => {
    expect(readVerbRequest(undefined)).toEqual({ ok: true, value: null });
    expect(readVerbRequest('')).toEqual({ ok: true, value: null });
  });

  it.each([
    ['{', 'is not JSON'],
    ['{"origin":"pulumi","deadlineMs":1,"requestIds":{}}', 'origin'],
    ['{"origin":"verb","deadlineMs":0,"requestIds":{}}', 'deadlineMs'],
    ['{"origin":"verb","deadlineMs":5,"requestIds":{"a":"short"}}', 'requestIds.a'],
  ])('is refused where it does not fit: %s', (text, place) => {
    const read = readVerbRequest(text);
    expect(read).toMatchObject({ ok: false });
    expect(JSON.stringify(read)).toContain(place);
  });
});
