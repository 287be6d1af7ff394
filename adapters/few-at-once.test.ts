import { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { expect, test } from 'vitest';
import { fewAtOnce } from './few-at-once.ts';

const TO = { hostname: 'gateway', protocol: 'https:', port: '7443' };

test('given more connections than may be opened at a time, the next one begins as one is open', () => {
  const { connect, begun } = byHand();
  const outcomes: (Error | null)[] = [];
  for (let index = 0; index < 5; index++) connect(TO, (...[error]) => void outcomes.push(error));
  expect(begun).toHaveLength(2);
  begun[0]?.(null, new Socket());
  expect(begun).toHaveLength(3);
  for (let index = 1; index < 5; index++) begun[index]?.(null, new Socket());
  expect(outcomes).toEqual([null, null, null, null, null]);
});

test('given one that cannot be opened, the others wait for their turn no longer', () => {
  const { connect, begun } = byHand();
  const outcomes: (Error | null)[] = [];
  for (let index = 0; index < 5; index++) connect(TO, (...[error]) => void outcomes.push(error));
  const gone = new Error('gone');
  begun[0]?.(gone, null);
  expect(begun).toHaveLength(5);
  expect(outcomes).toEqual([gone]);
});

/** Two at a time; each is open, or not, when the test says so. */
function byHand(): { connect: buildConnector.connector; begun: buildConnector.Callback[] } {
  const begun: buildConnector.Callback[] = [];
  return { begun, connect: fewAtOnce((_, callback) => void begun.push(callback), 2) };
}
