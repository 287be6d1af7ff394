/** Rule 1: a message or answer leaves exactly as it came; HL7 of the gateway's own is written in its places only. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, type Client, type Estate, idOf, type Line, order, startEstate, verdictOf } from './peers.ts';

const MEBIBYTE = 1024 * 1024;
const PATIENT = 'ZZMARKERPATIENT';

let estate: Estate;
let line: Line;
let source: Client;
let platform: Client;

beforeAll(async () => {
  estate = await startEstate({ bytes: {}, own: {}, big: {} });
  line = estate.line('bytes');
  source = await line.source();
  platform = await line.leg('legacy');
});
afterAll(() => estate?.close());

const header = (id: string, version = '2.3'): string => `MSH|^~\\&|A|B|C|D|20260101||ORU^R01|${id}|P|${version}`;
const MESSAGES: Readonly<Record<string, (id: string) => Buffer>> = {
  'bytes that are no UTF-8': (id) => bytes(`${header(id)}\rPID|1||\xff\xfe\x80\xc3(\xed\xa0\x80\r`),
  'START inside the content': (id) => bytes(`${header(id)}\rOBX|1|ED|\x0b\x0b|\x0bPDF\x0b\r`),
  'END bytes inside the content, not as a pair': (id) => bytes(`${header(id)}\rOBX|1|\x1c|\x1c\x1c|\r\x1c|\r`),
  'LF for CR': (id) => bytes(`${header(id)}\nPID|1||4711\nOBR|1\n`),
  'CRLF and no last terminator': (id) => bytes(`${header(id)}\r\nPID|1||4711`),
  'odd delimiters': (id) => bytes(`MSH*:%!@*A*B*C*D*20260101**ORU:R01*${id}*P*2.3\rPID*1**a:b%c!d@e\r`),
  'an MSH-2 of two characters': (id) => bytes(`MSH|^~|A|B|C|D|20260101||ORU^R01|${id}|P|2.3\rPID|1\r`),
  'an MSH-2 of five characters': (id) => bytes(`MSH|^~\\&#|A|B|C|D|20260101||ORU^R01|${id}|P|2.7\rPID|1\r`),
  'ISO-2022-JP, which contains delimiter bytes': (id) =>
    bytes(`${header(id)}\rPID|1||\x1b$B;3ED\x1b(B^\x1b$B|^~&\x1b(B\r`),
  'a zero byte': (id) => bytes(`${header(id)}\rNTE|1||a\x00b\x00\r`),
  'trailing empty fields and blanks': (id) => bytes(`${header(id)}||||||  \r\rPID|1||  |||\r\r\r`),
  'every byte': (id) =>
    Buffer.concat([bytes(`${header(id)}\rOBX|1|`), Buffer.from(Array.from({ length: 256 }, (_, i) => i)), bytes('\r')]),
};

/** An answer with the same oddity, that names the message. */
const oddAnswer = (id: string, oddity: Buffer): Buffer =>
  Buffer.concat([bytes(`MSH|^~\\&|P||S||||ACK|X${id}|P|2.3\rMSA|AA|${id}|`), oddity.subarray(8), bytes('\rERR|')]);

test.each(Object.entries(MESSAGES))('rule 1: %s, both ways, message and answer byte-identical', async (_, make) => {
  const message = make(`M${Math.random()}`.slice(0, 12));
  const id = idOf(bytes(message.toString('latin1').replaceAll('*', '|').replaceAll('\n', '\r')));

  source.send(message);
  const input = await line.legacy.take();
  expect(input.payload.equals(message)).toBe(true);
  const platformsAnswer = oddAnswer(id, message);
  input.reply(platformsAnswer);
  expect((await source.answer()).equals(platformsAnswer)).toBe(true);

  platform.send(message);
  const output = await line.destination.take();
  expect(output.payload.equals(message)).toBe(true);
  output.reply(platformsAnswer);
  expect((await platform.answer()).equals(platformsAnswer)).toBe(true);
});

test.each([2, 20])('rule 1: %i MB both ways, message and answer byte-identical', async (size) => {
  const big = estate.line('big');
  const noise = Buffer.alloc(size * MEBIBYTE, 'A-~|^&\\\x0b\x1c\n\r\xff0123456789 PDF ', 'latin1');
  const message = Buffer.concat([order(`BIG${size}`), noise]);
  const back = Buffer.concat([answer(`BIG${size}`), noise]);
  const sender = await big.source();
  sender.send(message);
  const input = await big.legacy.take();
  expect(input.payload.equals(message)).toBe(true);
  input.reply(back);
  expect((await sender.answer()).equals(back)).toBe(true);
  const output = await big.leg('legacy');
  output.send(message);
  const delivered = await big.destination.take();
  expect(delivered.payload.equals(message)).toBe(true);
  delivered.reply(back);
  expect((await output.answer()).equals(back)).toBe(true);
});

test('rule 1: the gateway writes HL7 of its own to a capture and to a parked output, nowhere else; and to no peer it dials', async () => {
  const own = estate.line('own');
  const sender = await own.source();
  const fromNew = await own.leg('new');
  const fromLegacy = await own.leg('legacy');

  const parked = await fromNew.exchange(order('PARKED'));
  expect([verdictOf(parked), idOf(parked)]).toEqual(['AA|PARKED', 'CUTOVERPARKED']);

  await own.move('parallel');
  for (const code of ['AA', 'AE', 'AR', 'CA', 'XX']) {
    sender.send(order(`IN-${code}`));
    const input = await own.legacy.take();
    input.reply(answer(`IN-${code}`, code));
    expect((await sender.answer()).equals(answer(`IN-${code}`, code))).toBe(true);
    fromLegacy.send(order(`OUT-${code}`));
    const output = await own.destination.take();
    output.reply(answer(`OUT-${code}`, code));
    expect((await fromLegacy.answer()).equals(answer(`OUT-${code}`, code))).toBe(true);
  }
  const captured = await fromNew.exchange(order('CAPTURED'));
  expect(verdictOf(captured)).toBe('AA|CAPTURED');

  const shadows = ['IN-AA', 'IN-CA'];
  for (const id of shadows) {
    const copy = await own.new.take();
    expect(copy.payload.equals(order(id))).toBe(true);
    copy.reply(answer(id));
  }
  const inputs = ['AA', 'AE', 'AR', 'CA', 'XX'];
  expect(own.legacy.ids).toEqual(inputs.map((code) => `IN-${code}`));
  expect(own.new.ids).toEqual(shadows);
  expect(own.destination.ids).toEqual(inputs.map((code) => `OUT-${code}`));
});

test('rule 13: message content is in no log line, metric, status or list', async () => {
  const sender = await line.source();
  sender.send(order('PHI', `|${PATIENT}`));
  const input = await line.legacy.take();
  input.reply(answer('PHI', 'AE', PATIENT));
  expect(verdictOf(await sender.answer())).toBe('AE|PHI');
  input.reply(answer('STRAY', 'AA', PATIENT));
  platform.send(order('PHI2', `|${PATIENT}`));
  const output = await line.destination.take();
  output.reply(answer('PHI2', 'AR', PATIENT));
  expect(verdictOf(await platform.answer())).toBe('AR|PHI2');
  const shown = [await line.status(), await line.list('rejected'), estate.log];
  expect(JSON.stringify(shown)).not.toContain(PATIENT);
  expect(await line.listed('rejected')).toContainEqual(['PHI2', 'destination']);
});
