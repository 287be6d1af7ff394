/** Who gets what comes after the answer: once for acknowledgements, always for responses, nobody for what is said twice. */
import { expect, test } from 'vitest';
import { Correspondence } from './correspondence.ts';

const frame = (type: string, code: string, of: string): Buffer =>
  Buffer.from(`MSH|^~\\&|A|B|||2026||${type}|X1|P|2.5\rMSA|${code}|${of}\r`, 'latin1');
const emr = { sender: 'feed@10.0.0.1', socket: 7, isCommitted: true };

test('given a commit, when the application acknowledgement comes, then it is for the sender, once', () => {
  const correspondence = new Correspondence();
  correspondence.remember('M1', emr);
  expect(correspondence.addressee(frame('ACK^O01', 'AE', 'M1'))).toEqual(emr);
  expect(correspondence.addressee(frame('ACK', 'AE', 'M1'))).toBeNull();
});

test('given an application acknowledgement already, then another is for nobody, and a response is for the sender', () => {
  const correspondence = new Correspondence();
  correspondence.remember('M1', { ...emr, isCommitted: false });
  expect(correspondence.addressee(frame('ACK', 'AA', 'M1'))).toBeNull();
  expect(correspondence.addressee(frame('ORR^O02', 'AA', 'M1'))?.sender).toBe(emr.sender);
  expect(correspondence.addressee(frame('RSP^K22', 'AA', 'M1'))?.sender).toBe(emr.sender);
  expect(correspondence.addressee(frame('ORR^O02', 'AA', 'M2'))).toBeNull();
});

test('the newest thousand are remembered, and a checkpoint keeps them without their sockets', () => {
  const correspondence = new Correspondence();
  for (let count = 0; count <= 2000; count++) correspondence.remember(`M${count}`, emr);
  const copy = new Correspondence();
  copy.load(correspondence.dump());
  expect(copy.knows(frame('ACK', 'AA', 'M0'))).toBe(false);
  expect(copy.addressee(frame('ACK', 'AA', 'M1001'))).toEqual({ ...emr, socket: null });
});

test('a checkpoint keeps ids that are for the same one together, in their order; a former one has each alone', () => {
  const correspondence = new Correspondence();
  const other = { sender: 'feed@10.0.0.2', socket: null, isCommitted: false };
  correspondence.remember('M1', emr);
  correspondence.remember('M2', { ...emr, socket: 9 });
  correspondence.remember('M3', other);
  correspondence.remember('M4', emr);
  const unbound = { ...emr, socket: null };
  const state = [[['M1', 'M2'], unbound] as const, [['M3'], other] as const, [['M4'], unbound] as const];
  expect(correspondence.dump()).toEqual(state);

  const former = new Correspondence();
  former.load([
    ['M1', unbound],
    ['M2', unbound],
    ['M3', other],
    ['M4', unbound],
  ]);
  expect(former.dump()).toEqual(state);
});
