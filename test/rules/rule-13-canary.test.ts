/**
 * Rule 13: a canary stands in everything that a message holds but its MSH-10, in whole, broken and hostile frames, in answers and in
 * what comes unasked; it is in nothing that the gateway says: log, metrics, status, lists, decisions, epochs, refusals, errors.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIST_NAMES } from '../../core/admin-api.ts';
import { bytes, type Client, type Estate, frame, idOf, type Line, order, startEstate, until } from './peers.ts';

const CANARY = 'CANARY';
const FIELDS = Array.from({ length: 30 }, (_, at) => `${CANARY}${at}^${CANARY}&${CANARY}~${CANARY}`).join('|');
const BODY = ['PID', 'PV1', 'NTE', 'OBX', 'ZPI'].map((segment) => `${segment}|1|${FIELDS}\r`).join('');
const MEBIBYTE = 1024 * 1024;

let estate: Estate;
let line: Line;

beforeAll(async () => {
  const connection = { correlate: ['ORC-2'], weightKey: ['PID-3.1'], capture: { wait: '50ms' } };
  estate = await startEstate({
    line: { connection, platform: { answerTimeout: '100ms' }, destination: { answerTimeout: '100ms' } },
  });
  line = estate.line('line');
});
afterAll(() => estate?.close());

const message = (id: string, type = 'ORM^O01'): Buffer =>
  bytes(
    `MSH|^~\\&|${CANARY}|${CANARY}|${CANARY}|${CANARY}|${CANARY}|${CANARY}|${type}|${id}|P|2.5|${CANARY}\rORC|NW|${id}\r${BODY}`,
  );
const answerOf = (id: string, code: string): Buffer =>
  bytes(
    `MSH|^~\\&|${CANARY}|${CANARY}||||${CANARY}|ACK|A-${id}|P|2.5\rMSA|${code}|${id}|${CANARY}|${CANARY}\rERR|${FIELDS}\r`,
  );

/** What no peer of ours would send, each with the canary. */
const ODD: readonly Buffer[] = [
  bytes(`PID|1|${FIELDS}\r`),
  bytes(CANARY),
  bytes(`MSH`),
  bytes(`MSH|${CANARY}`),
  Buffer.from(message('LF').map((byte) => (byte === 0x0d ? 0x0a : byte))),
  bytes(`FHS|^~\\&|${CANARY}\rBHS|^~\\&|${CANARY}\r${message('IN').toString('latin1')}BTS|1|${CANARY}\r`),
  bytes(`MSH|^~\\&|A|B|C|D|t||ORM|NOEND\r${CANARY}\0\x1c\xff\xfe${CANARY}`),
  bytes(`{"patient":"${CANARY}"}`),
];

async function everythingSaid(): Promise<string> {
  const paths = [
    'info',
    'connections',
    'connections/line',
    'connections/line/epochs',
    'epochs',
    'decisions',
    'refusals',
  ];
  const lists = LIST_NAMES.map((list) => `connections/line/lists/${list}`);
  const told = await Promise.all(
    [...paths, ...lists].map(async (path) => JSON.stringify(await estate.call('GET', path))),
  );
  const plain = await Promise.all(['/metrics', '/healthz', '/readyz'].map((path) => estate.text(path)));
  return [...told, ...plain, estate.log].join('\n');
}

async function withOddFrames(open: () => Promise<Client>): Promise<void> {
  for (const odd of ODD) {
    const client = await open();
    client.send(odd);
    await Promise.race([client.answer().catch(() => null), client.closed]);
    client.socket.destroy();
  }
  const half = await open();
  half.socket.write(Buffer.concat([bytes('\x0b'), message('HALF').subarray(0, 300)]));
  half.socket.write(frame(`MSH|^~\\&|${CANARY}`));
  half.socket.resetAndDestroy();
  const large = await open();
  large.socket.write(Buffer.concat([bytes('\x0b'), message('LARGE')]));
  for (let written = 0; written < 33 && large.socket.writable; written++) {
    await new Promise<void>((done) => large.socket.write(Buffer.alloc(MEBIBYTE, CANARY), () => done()));
  }
  await large.closed;
}

test('rule 13: a canary in every form of frame and answer is in nothing that the gateway says, also after crashes', async () => {
  const { legacy, new: next, destination } = line;
  const says = (codes: readonly string[]) => {
    let turn = 0;
    return ({ payload, reply }: { payload: Buffer; reply: (own: Uint8Array) => void }): void => {
      const code = codes[turn++ % codes.length] ?? 'AA';
      if (code !== 'none') reply(answerOf(idOf(payload), code));
      reply(answerOf('UNASKED', 'AE'));
      reply(bytes(`${CANARY}|no MSH|`));
    };
  };
  legacy.script = says(['AA', 'AE', 'CA', 'AR', CANARY, 'none']);
  next.script = says(['AE', 'AA']);
  destination.script = says(['AA', 'AE', 'CE', 'AR', 'none']);
  await line.move('parallel', { reason: 'test' });
  const source = (): Promise<Client> => line.source();
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 6; at++) {
      const client = await source();
      client.send(message(`M${round}${at}`));
      await Promise.race([client.answer().catch(() => null), client.closed]);
      for (const platform of ['legacy', 'new'] as const) {
        const leg = await line.leg(platform);
        leg.send(message(`M${round}${at}`));
        await Promise.race([leg.answer().catch(() => null), leg.closed]);
        leg.socket.destroy();
      }
      client.socket.destroy();
    }
    await withOddFrames(source);
    await withOddFrames(() => line.leg('legacy'));
    await withOddFrames(() => line.leg('new'));
    if (round === 0) await estate.crash();
  }
  // Refusals, a forced rollback with what is owed, and requests that hold it where nothing of a message belongs.
  await line.put('parallel', { newWeight: 50, reason: 'test' });
  await line.put('parallel', { newWeight: 0, force: true, reason: 'test' });
  await estate.call('PUT', 'connections/line/route', { requestId: 7, phase: CANARY, expectedEpoch: CANARY });
  await estate.crash();
  await until(async () => expect((await estate.call('GET', 'info')).status).toBe(200));
  const said = await everythingSaid();
  expect(said.length).toBeGreaterThan(5000);
  const at = said.indexOf(CANARY);
  expect(at < 0 ? '' : said.slice(Math.max(0, at - 300), at + 50)).toBe('');
  // The journal is where it belongs, and nothing beside it.
  for (const name of await readdir(estate.dataDir)) {
    const file = await readFile(join(estate.dataDir, name)).catch(() => Buffer.alloc(0));
    expect([name, file.includes(CANARY)]).toEqual([name, false]);
  }
}, 240_000);

test('the canary is seen where it may be: in what was delivered', () => {
  expect(line.destination.arrived.some(({ payload }) => payload.includes(CANARY))).toBe(true);
  expect(order('X').includes(CANARY)).toBe(false);
});
