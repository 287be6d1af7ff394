import { expect, test } from 'vitest';
import { coverageOf, featuresOf } from './features.ts';

const MESSAGE = [
  'MSH|^~\\&|LAB||||||ORU^R01|ID1',
  'OBR|1|||58410-2^CBC||""',
  'OBX|1|NM|718-7',
  'OBX|2|TX|MUELLER, JANE 1970',
  'ZLR|1',
];

test('given a message, then its type, segments, filled fields and codes are named, each once', () => {
  expect(featuresOf(Buffer.from(MESSAGE.join('\r'))).toSorted()).toEqual(
    [
      'type ORU^R01',
      ...['MSH', 'OBR', 'OBX', 'ZLR'].map((name) => `segment ${name}`),
      ...[
        'MSH-1',
        'MSH-2',
        'MSH-3',
        'MSH-9',
        'MSH-10',
        'OBR-1',
        'OBR-4',
        'OBR-6',
        'OBX-1',
        'OBX-2',
        'OBX-3',
        'ZLR-1',
      ].map((path) => `field ${path}`),
      'order 58410-2',
      'observation 718-7',
    ].toSorted(),
  );
  expect(featuresOf(Buffer.from('nothing'))).toEqual(['type unreadable']);
  expect(featuresOf(Buffer.from('MSH|^~\\&|LAB||||||MILLER^A01|ID1')).join()).not.toContain('MILLER');
});

test('given history, then what was never seen is listed, and without history nothing is covered', () => {
  const history = new Set(['order A', 'order B', 'segment ZLR']);
  expect(coverageOf(history, new Set(['order B', 'order C']))).toEqual({
    known: 3,
    seen: 1,
    unseen: ['order A', 'segment ZLR'],
    share: 1 / 3,
  });
  expect(coverageOf(new Set(), new Set(['order C'])).share).toBeNull();
});
