/** Rules 2 and 9: what a platform that is fed by copies does not make goes to a person, what it makes too late to nobody. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decisionSchema, type OpenDecision } from '../../core/admin-api.ts';
import { answer, type Client, type Estate, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const REASON = { reason: 'test' };
let estate: Estate;

beforeAll(async () => {
  const connection = { correlate: ['ORC-2'], weightKey: ['ORC-3'], capture: { wait: '50ms' } };
  estate = await startEstate({
    rejected: { connection },
    overruled: { connection },
    missing: { connection },
    cancelled: { connection },
    kept: { connection },
    resent: { connection },
    killed: { connection },
    asked: { connection: { weightKey: ['ORC-3'], capture: { wait: '50ms' } } },
    decided: { connection: { weightKey: ['ORC-3'], capture: { wait: '50ms' } } },
  });
});
afterAll(() => estate?.close());

/** In parallel; legacy answers and sends its output, new and what it sends are the test's. */
async function inParallel(name: string): Promise<{ line: Line; source: Client; fromNew: Client }> {
  const line = estate.line(name);
  const fromLegacy = await line.leg('legacy');
  line.destination.answerAll();
  line.new.answerAll();
  line.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    fromLegacy.send(payload);
  };
  await line.move('parallel');
  return { line, source: await line.source(), fromNew: await line.leg('new') };
}

async function decisionsOf(line: Line): Promise<OpenDecision[]> {
  const { body } = await estate.call('GET', 'decisions');
  const all = decisionSchema.array().parse(body.decisions);
  return all.filter(({ connection }) => connection === line.name);
}

/** ORC-3 of every order is empty or absent: no key, the control's. This one has a key that new owns at a weight of 99. */
const ofNew = (id: string): Buffer =>
  Buffer.from(order(id).toString('latin1').replace(`ORC|NW|${id}`, `ORC|NW|${id}|key-of-new`), 'latin1');

test('rules 2 and 9: the destination rejected legacy’s output; new’s own, made only after the switch, does not go out after newer ones: a person is asked', async () => {
  const { line, source, fromNew } = await inParallel('overruled');
  line.destination.answerAll('AE');
  expect(verdictOf(await source.exchange(order('V1')))).toBe('AA|V1');
  await until(async () => expect(await line.listed('rejected')).toEqual([['V1', 'destination']]));
  line.destination.answerAll();
  line.legacy.answerAll();
  await line.move('switched');
  expect(verdictOf(await source.exchange(order('V2')))).toBe('AA|V2');
  expect(verdictOf(await fromNew.exchange(order('V2')))).toBe('AA|V2');
  expect(verdictOf(await fromNew.exchange(order('V1')))).toBe('AA|V1');
  expect(line.destination.ids.slice(1)).toEqual(['V2']);
  expect(await line.list('suppressed')).toMatchObject([{ id: { msh10: 'V1' }, cause: 'rejected' }]);

  await estate.crash();
  const [decision, ...others] = await decisionsOf(line);
  expect(others).toEqual([]);
  expect(decision?.cause).toBe('destination-rejected');
  expect(decision?.proposals.map(({ msh10 }) => msh10)).toEqual(['V1']);
  await estate.call('POST', `decisions/${decision?.id}`, { action: 'deliver', ...REASON });
  await until(() => expect(line.destination.ids.slice(1)).toEqual(['V2', 'V1']));
});

test('rule 9: a copy that its owner rejects is for a person, and the other platform’s output is the proposal', async () => {
  const { line, source } = await inParallel('rejected');
  await line.move('parallel', { newWeight: 99 });
  line.new.answerAll('AE');
  expect(verdictOf(await source.exchange(ofNew('R1')))).toBe('AA|R1');
  await until(async () => expect(await decisionsOf(line)).toHaveLength(1));
  const [decision] = await decisionsOf(line);
  expect([decision?.cause, decision?.input?.msh10]).toEqual(['copy-rejected', 'R1']);
  expect(decision?.proposals.map(({ msh10 }) => msh10)).toEqual(['R1']);
  expect(line.destination.ids).toEqual([]);

  await estate.call('POST', `decisions/${decision?.id}`, { action: 'deliver', ...REASON });
  await until(() => expect(line.destination.ids).toEqual(['R1']));
  line.new.answerAll();
  expect(verdictOf(await source.exchange(order('R2')))).toBe('AA|R2');
  await until(() => expect(line.destination.ids).toEqual(['R1', 'R2']));
  expect(await decisionsOf(line)).toHaveLength(1);
});

test('rule 9: an output that the owner of its key does not make in time is for a person; once decided, it is not wanted any more', async () => {
  const { line, source, fromNew } = await inParallel('missing');
  await line.move('parallel', { newWeight: 99 });
  await source.exchange(ofNew('M1'));
  await until(async () => expect(await decisionsOf(line)).toHaveLength(1));
  const [decision] = await decisionsOf(line);
  expect([decision?.cause, decision?.proposals.length]).toEqual(['output-missing', 1]);
  await line.move('parallel', { newWeight: 0, ...REASON });
  await estate.call('POST', `decisions/${decision?.id}`, { action: 'deliver', ...REASON });
  await until(() => expect(line.destination.ids).toEqual(['M1']));
  await line.move('switched');
  expect(verdictOf(await fromNew.exchange(ofNew('M1')))).toBe('AA|M1');
  expect(await line.listed('suppressed')).toEqual([['M1', 'delivered-already']]);
  expect(line.destination.ids).toEqual(['M1']);
});

test('rule 2: what a platform still makes of an input after its role has ended and begun again is not delivered twice', async () => {
  const { line, source, fromNew } = await inParallel('cancelled');
  await source.exchange(order('C1'));
  await until(() => expect(line.destination.ids).toEqual(['C1']));
  await line.move('legacy', REASON);
  await line.move('parallel');
  await line.move('switched');
  expect(verdictOf(await fromNew.exchange(order('C1')))).toBe('AA|C1');
  expect(line.destination.ids).toEqual(['C1']);
  expect(await line.listed('suppressed')).toEqual([['C1', 'delivered-already']]);
});

test('rule 9: while a message waits for a decision the gateway gives up no way back, however it is asked', async () => {
  const { line, source } = await inParallel('kept');
  await line.move('parallel', { newWeight: 99 });
  await source.exchange(ofNew('K1'));
  await until(async () => expect(await decisionsOf(line)).toHaveLength(1));
  await line.move('switched');
  const last = { requestId: 'too-early', phase: 'decommissioned', expectedEpoch: 4, deadlineMs: 10_000 };
  const refused = await estate.call('PUT', `connections/${line.name}/route`, last);
  expect(refused).toMatchObject({ status: 409, body: { code: 'decisions-open', next: ['cutover resolve'] } });
  expect(await line.status()).toMatchObject({ phase: 'switched', epoch: 4 });
  const [decision] = await decisionsOf(line);
  await estate.call('POST', `decisions/${decision?.id}`, { action: 'discard', ...REASON });
  expect(await line.move('decommissioned')).toMatchObject({ epoch: 5 });
});

test.each([
  ['with the gateway running', 'resent'],
  ['past a crash of the gateway', 'killed'],
] as const)('rule 9: what new made of an unanswered message after its rollback is asked about once a resend makes new owe it, %s', async (_, name) => {
  const line = estate.line(name);
  line.destination.answerAll();
  line.new.script = () => undefined;
  line.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    // Where the gateway has gone meanwhile, it gets no output.
    line.leg('legacy').then(
      (leg) => leg.send(payload),
      () => undefined,
    );
  };
  await line.move('parallel');
  await line.move('switched');
  const source = await line.source();
  source.send(order('S1'));
  await until(() => expect(line.new.ids).toEqual(['S1']));
  await line.move('parallel', { force: true, ...REASON });
  await source.closed;
  expect(verdictOf(await (await line.leg('new')).exchange(order('S1')))).toBe('AA|S1');
  await line.move('switched');
  if (name === 'killed') await estate.crash();

  line.new.answerAll();
  expect(verdictOf(await (await line.source()).exchange(order('S1')))).toBe('AA|S1');
  await until(async () => expect(await decisionsOf(line)).toHaveLength(1));
  const [decision] = await decisionsOf(line);
  expect(decision).toMatchObject({ cause: 'output-captured', input: { msh10: 'S1' }, proposals: [{ msh10: 'S1' }] });
  expect((await line.status()).owedOutputs).toBe(0);
  expect(line.destination.ids).toEqual([]);
  await estate.call('POST', `decisions/${decision?.id}`, { action: 'deliver', ...REASON });
  await until(() => expect(line.destination.ids).toEqual(['S1']));
  await line.move('parallel', REASON);
  expect(line.destination.ids).toEqual(['S1']);
});

test.each([
  ['is open', 'asked'],
  ['has delivered its first', 'decided'],
] as const)('rule 9: sent again while a decision about it %s: what legacy makes a second time is kept beside, and listed', async (_, name) => {
  const line = estate.line(name);
  line.destination.answerAll();
  line.new.answerAll();
  await line.move('parallel');
  await line.move('parallel', { newWeight: 99 });
  const [source, fromLegacy] = [await line.source(), await line.leg('legacy')];
  source.send(ofNew('W1'));
  const first = await line.legacy.take();
  // The key is new's, so what legacy makes of it is captured; its answer is still to come when new is given up.
  await fromLegacy.exchange(ofNew('W1'));
  await line.move('parallel', { newWeight: 0, force: true, ...REASON });
  await until(async () => expect(await decisionsOf(line)).toMatchObject([{ cause: 'no-correlation' }]));
  const [decision] = await decisionsOf(line);
  const deliver = () => estate.call('POST', `decisions/${decision?.id}`, { action: 'deliver', ...REASON });
  if (name === 'decided') await deliver();
  first.reply(answer('W1', 'AE'));
  expect(verdictOf(await source.answer())).toBe('AE|W1');

  source.send(ofNew('W1'));
  (await line.legacy.take()).reply(answer('W1'));
  expect(verdictOf(await source.answer())).toBe('AA|W1');
  expect(verdictOf(await fromLegacy.exchange(ofNew('W1-AGAIN')))).toBe('AA|W1-AGAIN');
  expect(await line.listed('suppressed')).toEqual([['W1-AGAIN', 'decision']]);
  if (name === 'asked') {
    expect(line.destination.ids).toEqual([]);
    await estate.crash();
    await deliver();
  }
  await until(() => expect(line.destination.ids).toEqual(['W1']));
  // What comes next is nobody's business of that.
  line.legacy.answerAll();
  const later = await line.source();
  expect(verdictOf(await later.exchange(order('W2')))).toBe('AA|W2');
  expect(verdictOf(await (await line.leg('legacy')).exchange(order('W2')))).toBe('AA|W2');
  expect(line.destination.ids).toEqual(['W1', 'W2']);
  expect((await line.status()).owedOutputs).toBe(0);
});
