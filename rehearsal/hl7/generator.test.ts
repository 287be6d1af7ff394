import { describe, expect, test } from 'vitest';
import { createGenerator, type GeneratedMessage, type GeneratorSpec } from './generator.ts';
import { bodyDigest, copyFacilitiesOf, identityOf, readHeader } from './reading.ts';

const SPEC: GeneratorSpec = {
  seed: 'one',
  connection: 'northside-orders',
  direction: 'orders',
  index: 0,
  facility: 'NORTHSIDE',
};

function messages(over: Partial<GeneratorSpec>, count: number): GeneratedMessage[] {
  const generator = createGenerator({ ...SPEC, ...over });
  return Array.from({ length: count }, () => generator.next());
}

function everyKind(count: number): GeneratedMessage[] {
  return [0, 1, 2, 3, 4].flatMap((index) => [
    ...messages({ index, direction: 'orders' }, count),
    ...messages({ index, direction: 'results', connection: 'northside-results' }, count),
  ]);
}

describe('generated messages', () => {
  test('the same seed makes the same bytes, another seed others', () => {
    const bytes = (over: Partial<GeneratorSpec>): string =>
      Buffer.concat(messages(over, 50).map((each) => each.bytes)).toString('hex');
    expect(bytes({})).toBe(bytes({}));
    expect(bytes({})).not.toBe(bytes({ seed: 'two' }));
    expect(bytes({})).not.toBe(bytes({ connection: 'riverbend-orders' }));
  });

  test('are segments ended by CARRIAGE_RETURN, beginning with a full MSH', () => {
    for (const { bytes, controlId, sequence } of everyKind(60)) {
      const segments = bytes.toString('latin1').split('\r');
      expect(segments.pop()).toBe('');
      for (const text of segments) expect(text).toMatch(/^[A-Z][A-Z0-9]{2}\|/);
      const { fields } = readHeader(bytes);
      expect(fields[1]).toBe('|');
      expect(fields[2]).toBe('^~\\&');
      expect(fields[10]).toBe(controlId);
      expect(controlId.length).toBeLessThanOrEqual(20);
      expect(fields[13]).toBe(String(sequence));
      expect(bytes.includes(0x0b) || bytes.includes(0x1c) || bytes.includes(0x0a)).toBe(false);
    }
  });

  test('MSH-10 is never used twice in an estate', () => {
    const ids = everyKind(100).map((each) => each.controlId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('cover the kinds, versions and oddities that real feeds have', () => {
    const all = everyKind(400);
    const texts = all.map((each) => each.bytes.toString('latin1'));
    const types = new Set(all.map((each) => readHeader(each.bytes).fields[9]?.split('^').slice(0, 2).join('^')));
    const versions = new Set(all.map((each) => readHeader(each.bytes).fields[12]));
    expect([...types].sort()).toEqual(['OML^O21', 'ORM^O01', 'ORU^R01']);
    expect([...versions].sort()).toEqual(['2.3', '2.3.1', '2.4', '2.5', '2.5.1']);
    const shows = (pattern: RegExp): boolean => texts.some((text) => pattern.test(text));
    expect(shows(/\rNTE\|/)).toBe(true);
    expect(shows(/\rZLR\|/) && shows(/\rZOR\|/)).toBe(true);
    expect(shows(/\\T\\/) && shows(/\\S\\/) && shows(/\\\.br\\/)).toBe(true);
    expect(shows(/\rPID\|1\|\|[^|]*~/)).toBe(true);
    expect(shows(/\rOBX\|99\|ED\|[^|]*\|\|LAB\^Application\^PDF\^Base64\^JVBERi0/)).toBe(true);
    for (const status of ['P', 'F', 'C']) expect(shows(new RegExp(`\\rOBR\\|[^\\r]*\\|${status}\\r`))).toBe(true);
  });

  test('a charset is what MSH-18 says it is', () => {
    const beyondAscii = { latin1: 0, utf8: 0 };
    for (const { bytes } of everyKind(200)) {
      const isUtf8 = Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
      const isAscii = bytes.every((byte) => byte < 0x80);
      if (isAscii) continue;
      expect(isUtf8).toBe(readHeader(bytes).fields[18] === 'UNICODE UTF-8');
      beyondAscii[isUtf8 ? 'utf8' : 'latin1']++;
    }
    expect(beyondAscii.latin1).toBeGreaterThan(0);
    expect(beyondAscii.utf8).toBeGreaterThan(0);
  });

  test('results of one order come preliminary, final, corrected', () => {
    const statuses = new Map<string, string>();
    for (const { bytes } of messages({ direction: 'results' }, 500)) {
      const order =
        bytes
          .toString('latin1')
          .split('\r')
          .find((text) => text.startsWith('OBR|'))
          ?.split('|') ?? [];
      statuses.set(order[2] ?? '', `${statuses.get(order[2] ?? '') ?? ''}${order[25]}`);
    }
    for (const seen of statuses.values()) expect(seen).toMatch(/^P?F?C?$/);
    expect([...statuses.values()]).toEqual(expect.arrayContaining(['PF', 'F']));
    expect([...statuses.values()].some((seen) => seen.endsWith('C'))).toBe(true);
  });

  test('the identity outlives another header, and changes with the body', () => {
    const [message] = messages({}, 1);
    if (message === undefined) throw new Error('one message was asked for');
    const text = message.bytes.toString('latin1');
    const readdressed = Buffer.from(text.replace('PRACTICE-EMR', 'ENGINE'), 'latin1');
    const changed = Buffer.from(text.replace('\rPV1|1|O', '\rPV1|1|I'), 'latin1');
    const original = identityOf(message.bytes, 'sequence');
    expect(original).toMatchObject({ key: 'NORTHSIDE/MAINLAB/1', controlId: message.controlId });
    expect(bodyDigest(readdressed)).toBe(original.digest);
    expect(bodyDigest(Buffer.concat([message.bytes, Buffer.from('ZRP|1|MAPPED\r')]))).toBe(original.digest);
    expect(bodyDigest(changed)).not.toBe(original.digest);
  });

  test('on a shared feed some results are copied to another practice, never to their own', () => {
    const results = { direction: 'results', facility: 'NORTHSIDE' } as const;
    const copied = messages({ ...results, copiesTo: ['NORTHSIDE', 'RIVERBEND'] }, 200).map(({ bytes }) =>
      copyFacilitiesOf(bytes),
    );
    expect(new Set(copied.flat())).toEqual(new Set(['RIVERBEND']));
    expect(copied.filter((each) => each.length === 0).length).toBeGreaterThan(100);
    for (const { bytes } of messages(results, 50)) expect(copyFacilitiesOf(bytes)).toEqual([]);
  });

  test('a message is recognised in the whole estate, whoever gets it', () => {
    const [one] = messages({ direction: 'results', facility: 'NORTHSIDE' }, 1);
    const [other] = messages({ direction: 'results', facility: 'RIVERBEND' }, 1);
    if (one === undefined || other === undefined) throw new Error('there are messages');
    expect(identityOf(one.bytes, 'sequence').key).not.toBe(identityOf(other.bytes, 'sequence').key);
  });
});
